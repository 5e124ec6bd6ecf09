"""TensorFlow on a SavedModel, loaded as TensorFlow Serving loads it: a graph and a session, not Python objects."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto import config_pb2, meta_graph_pb2

from serving.lasting import lasting
from serving.version.saved_model import TAG
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import Array

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its notes on missing GPUs are no news to anyone who serves here
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it calls its own session loader deprecated

with lasting():  # a collection after an unload (serving.repository) is not to walk over its million objects
    import tensorflow as tf  # it reads the level when it is imported

_CODES = {int(code): code for code in Code}


def load(folder: Path, definitions: Mapping[str, meta_graph_pb2.SignatureDef]) -> dict[str, Callable[..., Any]]:
    """Load the SavedModel; return how to run each signature."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        tf.compat.v1.saved_model.load(session, [TAG], str(folder))
    return {name: _callable(session, definition) for name, definition in definitions.items()}


def _callable(session: Any, definition: meta_graph_pb2.SignatureDef) -> Callable[[dict[str, Array]], dict[str, Array]]:
    takes, gives = sorted(definition.inputs), sorted(definition.outputs)
    options = config_pb2.CallableOptions(
        feed=[definition.inputs[name].name for name in takes], fetch=[definition.outputs[name].name for name in gives]
    )
    # Private, but the only door to the session that TensorFlow Serving uses: the public one (make_callable) refuses in
    # Python what the graph may take, a shape other than the declared one.
    call = session._make_callable_from_options(options)

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        try:
            values = call(*(inputs[name] for name in takes))
        except tf.errors.OpError as error:
            raise Refusal(_CODES.get(error.error_code, Code.UNKNOWN), error.message) from error
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from error
        return dict(zip(gives, map(_array, values), strict=True))

    return run


def _array(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else np.array(value, dtype=object if type(value) is bytes else None)
