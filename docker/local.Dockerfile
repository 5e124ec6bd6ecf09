# The local server with the models of ./models baked in: ONNX Runtime in place of TensorFlow, AMD64 and ARM64.
#
#   triptych train && docker build -f docker/local.Dockerfile -t triptych-local .
#   docker run -p 127.0.0.1:8500:8500 -p 127.0.0.1:8501:8501 triptych-local
#
# Flags given to `docker run` come after those below, and the last one counts.
ARG BASE=python:3.12-slim
FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv /opt/triptych
COPY requirements/build.lock requirements/serve.lock requirements/
RUN /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/build.lock \
    && /opt/triptych/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/serve.lock
COPY pyproject.toml README.md LICENSE triptych.py ./
COPY lightfm_adapter lightfm_adapter
COPY serving serving
COPY export export
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/triptych/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/triptych/bin/pip uninstall --yes pip

FROM ${BASE}
LABEL org.opencontainers.image.title="triptych-local" \
      org.opencontainers.image.description="Three recommenders behind one signature, served by ONNX Runtime" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/triptych /opt/triptych
COPY docker/config /etc/triptych
COPY models /models
# ONNX Runtime since 1.32 reports to its makers unless told not to.
ENV PATH=/opt/triptych/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1

# nobody, by number: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 65534:65534
EXPOSE 8500 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["bash", "/etc/triptych/healthy.sh"]
ENTRYPOINT ["triptych", "serve", \
    "--host", "0.0.0.0", \
    "--model-config-file", "/etc/triptych/models.config", \
    "--monitoring-config-file", "/etc/triptych/monitoring.config"]
# Takes the place of the base's CMD, which is python3.
CMD []
