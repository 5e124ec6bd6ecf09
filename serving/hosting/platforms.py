"""Which platform this container runs on, and what it asks of one: a port, a route for health, a route for predictions.

Vertex AI says it all in ``AIP_*`` variables. SageMaker starts the image with the argument ``serve``, asks ``/ping`` and
``/invocations`` on 8080, and puts what its model.tar.gz holds under /opt/ml/model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.errors import Failure
from serving.repository.model_sources import ModelSource, Sources, from_folder
from serving.version.numbering import version_entries

SAGEMAKER_MODELS = Path("/opt/ml/model")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What the platform asks for.

    Attributes:
        port: where it asks over HTTP.
        health: the path that answers 200 while the model can be asked, 503 before.
        predict: the path that takes what TensorFlow Serving's ``:predict`` takes.
        models: where it put the models; None: where the flags say.
        model: which of several models answers; "" where there is only one.
    """

    port: int
    health: str
    predict: str
    models: Path | None = None
    model: str = ""


def find_platform(environment: Mapping[str, str], *, started_as_serve: bool) -> Platform | None:
    """Read the platform from the environment; None on a machine of one's own.

    >>> find_platform({}, started_as_serve=False) is None
    True

    Args:
        environment: the process's variables.
        started_as_serve: whether the image was started with the argument ``serve``, as SageMaker does.

    Raises:
        Failure: a variable holds what is no port or no path.
    """
    model = environment.get("TRIPTYCH_MODEL", "")
    if started_as_serve:
        port = _port("SAGEMAKER_BIND_TO_PORT", environment.get("SAGEMAKER_BIND_TO_PORT", "8080"))
        found = SAGEMAKER_MODELS if SAGEMAKER_MODELS.is_dir() and any(SAGEMAKER_MODELS.iterdir()) else None
        return Platform(port=port, health="/ping", predict="/invocations", models=found, model=model)
    if "AIP_HTTP_PORT" not in environment:
        return None
    routes = {name: environment.get(name, "") for name in ("AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE")}
    for name, route in routes.items():
        if not route.startswith("/"):
            raise Failure(f"{name} is {route!r}, expected a path as in /health: Vertex AI sets it beside AIP_HTTP_PORT")
    port = _port("AIP_HTTP_PORT", environment["AIP_HTTP_PORT"])
    return Platform(port=port, health=routes["AIP_HEALTH_ROUTE"], predict=routes["AIP_PREDICT_ROUTE"], model=model)


def sources(folder: Path) -> Sources:
    """List the models of a folder; version folders at its root are the versions of one model, named as the folder."""
    models = from_folder(folder)

    def listed() -> list[ModelSource]:
        if folder.is_dir() and version_entries(folder):
            return [ModelSource(name=folder.resolve().name, base_path=folder)]
        return models()

    return listed


def _port(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) > 65535:
        raise Failure(f"{name} is {value!r}, expected a port from 0 to 65535")
    return int(value)
