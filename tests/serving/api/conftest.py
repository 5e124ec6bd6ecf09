"""The conformance model behind a real server, which is asked by REST and by gRPC."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

import grpc
import pytest
from live import live, write_config

import export  # noqa: F401  isort: skip - before TensorFlow, which the official modules import

from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc


@pytest.fixture(scope="module")
def server(tmp_path_factory, conformance_twin):
    """Where it answers, and the official client's ways to ask it."""
    config = write_config(tmp_path_factory.mktemp("config"), conformance_twin)
    with live(model_config_file=config) as where, grpc.insecure_channel(f"127.0.0.1:{where.grpc_port}") as channel:
        yield SimpleNamespace(
            **asdict(where),
            channel=channel,
            prediction=prediction_service_pb2_grpc.PredictionServiceStub(channel),
            model=model_service_pb2_grpc.ModelServiceStub(channel),
            raw=channel.unary_unary("/tensorflow.serving.PredictionService/Predict"),
        )
