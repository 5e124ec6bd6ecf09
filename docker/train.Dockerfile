# `triptych train` for machines in a cluster: everything that `make demo` installs, TensorFlow included (some 3 GB).
#
#   docker build -f docker/train.Dockerfile -t triptych-train .
#   docker run -v "$PWD/models:/models" --user "$(id -u)" triptych-train train --models /models
ARG BASE=python:3.12-slim
FROM ${BASE}
LABEL org.opencontainers.image.title="triptych-train" \
      org.opencontainers.image.description="Trains three recommenders and publishes them for TensorFlow Serving" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /src
COPY requirements requirements
COPY .ci/setup .ci/setup
COPY pyproject.toml README.md LICENSE triptych.py ./
COPY lightfm_adapter lightfm_adapter
COPY serving serving
COPY export export
# Where LightFM is compiled, on Python 3.11, it shall run on other processors than this one, too.
RUN LIGHTFM_NO_CFLAGS=1 python3 .ci/setup && rm -rf /root/.cache
# MovieLens is kept under the home folder.
ENV PATH=/src/.venv/bin:$PATH PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1 HOME=/tmp
USER 65534:65534
ENTRYPOINT ["triptych"]
