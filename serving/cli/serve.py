"""`triptych serve`: its flags, and what they make of the server's configuration."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from serving.cli.paths import PATH

if TYPE_CHECKING:
    from serving.server.server import Config

PORT = click.IntRange(0, 65535)  # the system would take the remainder of a larger one


@click.command()
@click.argument("started_as", required=False, type=click.Choice(["serve"]), metavar="")  # SageMaker's, to the image
@click.option("--models", type=PATH, help="Folder of models: models/<model>/<version>/.  [default: models]")
@click.option("--model-config-file", type=PATH, help="TensorFlow Serving's model configuration instead.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for every one.")
@click.option("--rest-port", type=PORT, default=8501, show_default=True, help="REST port; 0 picks a free one.")
@click.option("--grpc-port", type=PORT, default=8500, show_default=True, help="gRPC port; 0 picks a free one.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "onnx", "tensorflow"]),
    default="auto",
    show_default=True,
    help="ONNX Runtime on the twin, TensorFlow on the SavedModel, or auto: TensorFlow where there is no twin.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that share the ports."
)
@click.option("--monitoring-config-file", type=PATH, help="TensorFlow Serving's monitoring configuration.")
@click.option(
    "--batching/--no-batching", default=True, show_default=True, help="Answer what arrives together in one run."
)
@click.option(
    "--access-log",
    type=click.Choice(["text", "json"]),
    is_flag=False,
    flag_value="text",
    help="One log line for each request, as text (if nothing is said) or as JSON.",
)
@click.option(
    "--max-request-elements",
    type=click.IntRange(min=1),
    default=1 << 20,
    show_default=True,
    help="Elements of one request: values, list places, rows times min(k, catalogue); allowed for: 320 bytes each.",
)
@click.option(
    "--max-elements",
    type=click.IntRange(min=1),
    default=3 << 19,
    show_default=True,
    help="Elements of all requests in flight: the default stands for 480 MB.",
)
@click.option(
    "--max-body-mb",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Megabytes of one REST request's body.",
)
@click.option(
    "--max-buffered-mb",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Megabytes of unfinished REST bodies, waiting requests and unread answers, of all connections together.",
)
@click.option(
    "--max-grpc-message-mb",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Megabytes of one gRPC request.",
)
@click.option(
    "--max-grpc-calls",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="gRPC calls at a time; with the largest messages the defaults stand for 512 MB.",
)
def serve(
    *,
    started_as: str | None,
    models: Path | None,
    model_config_file: Path | None,
    host: str,
    rest_port: int,
    grpc_port: int,
    engine: Literal["auto", "onnx", "tensorflow"],
    workers: int,
    monitoring_config_file: Path | None,
    batching: bool,
    access_log: Literal["text", "json"] | None,
    max_request_elements: int,
    max_elements: int,
    max_body_mb: int,
    max_buffered_mb: int,
    max_grpc_message_mb: int,
    max_grpc_calls: int,
) -> None:
    r"""Serve a models folder as TensorFlow Serving does.

    It answers over REST and gRPC. New versions are taken up as they appear, without a restart.
    SIGTERM or Ctrl-C lets requests in flight finish.
    On Vertex AI and SageMaker it answers their routes on their port, too: docs/hosting.md.
    What is refused for want of room is answered 429 or RESOURCE_EXHAUSTED; with --workers each has limits of its own.

    \b
    Example:
      triptych serve --models models
      curl -d '{"instances": ["42"]}' \
        http://127.0.0.1:8501/v1/models/two_tower:predict
    """
    if models is not None and model_config_file is not None:
        raise click.UsageError("--models and --model-config-file exclude each other")
    from serving.engines.engine import check_installed
    from serving.hosting.platforms import find_platform
    from serving.server import server

    check_installed(engine)
    platform = find_platform(os.environ, started_as_serve=started_as is not None)
    if platform and platform.models:
        models, model_config_file = platform.models, None
    config = server.Config(
        models=models or (Path("models") if model_config_file is None else None),
        model_config_file=model_config_file,
        platform=platform,
        host=host,
        rest_port=platform.port if platform else rest_port,
        grpc_port=grpc_port,
        engine=engine,
        workers=workers,
        monitoring_config_file=monitoring_config_file,
        batching=batching,
        access_log=access_log,
    )
    elements, megabytes = (max_request_elements, max_elements), (max_body_mb, max_buffered_mb)
    _run(_bounded(config, elements, megabytes, (max_grpc_message_mb, max_grpc_calls)))


def _bounded(config: Config, elements: tuple[int, int], megabytes: tuple[int, int], grpc: tuple[int, int]) -> Config:
    """Set what one may take, and all together: elements, megabytes over REST; a gRPC message's megabytes, and calls."""
    from serving.engines.budget import Budget
    from serving.http.messages import Limits
    from serving.server.rpc_server import RpcLimits

    return replace(
        config,
        budget=Budget(request=elements[0], in_flight=elements[1]),
        limits=Limits(body=megabytes[0] << 20, buffered=megabytes[1] << 20),
        rpc=RpcLimits(message=grpc[0] << 20, calls=grpc[1]),
    )


def _run(config: Config) -> None:
    from serving.server import server
    from serving.server import workers as several

    server.set_up_logging(access_log=config.access_log)
    run = several.run if config.workers > 1 else server.run
    run(config, lambda ready: click.echo(str(ready)))
