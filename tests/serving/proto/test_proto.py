"""Our copies of TensorFlow Serving's messages against the official ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from serving.proto import config_pb2, files_pb2, generate, serving_pb2

NO_OFFICIAL_PYTHON_MODULE = {"MonitoringConfig", "PrometheusConfig", "BatchingParameters"}
"""tensorflow-serving-api does not ship these; numbers from TensorFlow Serving's documentation are in the test below."""


def field_facts(field: FieldDescriptor) -> tuple[object, ...]:
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof.name if field.containing_oneof else None
    return field.name, field.number, field.type, field.is_repeated, kind and kind.name, oneof


def facts(message: Descriptor) -> set[tuple[object, ...]]:
    return {(message.name, *field_facts(field)) for field in message.fields}.union(
        *(facts(nested) for nested in message.nested_types), *(enum_facts(enum) for enum in message.enum_types)
    )


def enum_facts(enum: EnumDescriptor) -> set[tuple[object, ...]]:
    return {(enum.name, value.name, value.number) for value in enum.values}


def file_facts(*modules: object) -> dict[str, set[tuple[object, ...]]]:
    files = [module.DESCRIPTOR for module in modules]  # type: ignore[attr-defined]
    messages = {name: facts(message) for file in files for name, message in file.message_types_by_name.items()}
    return messages | {name: enum_facts(enum) for file in files for name, enum in file.enum_types_by_name.items()}


@pytest.fixture(scope="module")
def official() -> dict[str, set[tuple[object, ...]]]:
    from tensorflow.core.example import example_pb2, feature_pb2
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_management_pb2,
        model_pb2,
        predict_pb2,
        prediction_log_pb2,
        status_pb2,
    )
    from tensorflow_serving.config import (
        file_system_storage_path_source_pb2,
        log_collector_config_pb2,
        logging_config_pb2,
        model_server_config_pb2,
    )

    import export  # noqa: F401 - before TensorFlow, which the official modules import

    codes = status_pb2.StatusProto.DESCRIPTOR.fields_by_name["error_code"].enum_type
    return {"Code": enum_facts(codes)} | file_facts(
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_management_pb2,
        model_pb2,
        predict_pb2,
        prediction_log_pb2,
        example_pb2,
        feature_pb2,
        saved_model_pb2,
        status_pb2,
        file_system_storage_path_source_pb2,
        log_collector_config_pb2,
        logging_config_pb2,
        model_server_config_pb2,
    )


def test_every_field_of_ours_has_the_official_name_number_type_and_oneof(official):
    ours = file_facts(serving_pb2, config_pb2)
    assert ours.keys() - official.keys() == NO_OFFICIAL_PYTHON_MODULE
    assert {name: facts - official[name] for name, facts in ours.items() if name in official} == {
        name: set() for name in ours if name in official
    }


def test_fields_without_an_official_module_have_the_documented_numbers():
    numbers = {
        name: {field.name: field.number for field in config_pb2.DESCRIPTOR.message_types_by_name[name].fields}
        for name in NO_OFFICIAL_PYTHON_MODULE
    }
    assert numbers == {
        "MonitoringConfig": {"prometheus_config": 1},
        "PrometheusConfig": {"enable": 1, "path": 2},
        "BatchingParameters": {
            "max_batch_size": 1,
            "batch_timeout_micros": 2,
            "max_enqueued_batches": 3,
            "num_batch_threads": 4,
            "thread_pool_name": 5,
            "allowed_batch_sizes": 6,
            "pad_variable_length_inputs": 7,
        },
    }


@pytest.mark.parametrize("name", files_pb2.DESCRIPTOR.message_types_by_name)
def test_what_is_read_of_files_has_the_numbers_that_their_makers_gave(name):
    import onnx
    from tensorflow.core.protobuf import tensor_bundle_pb2

    official = getattr(tensor_bundle_pb2 if name.startswith("Bundle") else onnx, name).DESCRIPTOR
    ours = files_pb2.DESCRIPTOR.message_types_by_name[name]
    theirs = {field.name: (field.number, field.type, field.is_repeated) for field in official.fields}
    assert {
        field.name: (field.number, field.type, field.is_repeated) for field in ours.fields
    }.items() <= theirs.items()


def test_a_request_of_ours_is_the_official_request_on_the_wire(official):
    from tensorflow_serving.apis import predict_pb2

    ours = serving_pb2.PredictRequest(output_filter=["item"])
    ours.model_spec.name = "two_tower"
    ours.model_spec.version.value = 7
    ours.inputs["user_id"].dtype = 7
    ours.inputs["user_id"].string_val.append(b"42")
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert theirs.model_spec.name == "two_tower"
    assert theirs.model_spec.version.value == 7
    assert list(theirs.inputs["user_id"].string_val) == [b"42"]
    assert list(theirs.output_filter) == ["item"]
    assert serving_pb2.PredictRequest.FromString(theirs.SerializeToString()) == ours


def test_the_compiled_modules_are_those_of_the_proto_files(tmp_path):
    generate.generate(tmp_path)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.py*")}
    root = Path(generate.__file__).parents[2]
    assert made == {path: (root / path).read_text() for path in made}
    assert len(made) == 6


def test_importing_the_messages_loads_no_tensorflow():
    code = "import sys; import serving.proto.serving_pb2; print('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "False\n"
