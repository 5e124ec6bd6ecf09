import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from export.publishing.agreement import session
from export.publishing.warmup_requests import write_warmup
from serving.contract import SIGNATURES
from serving.version.warmup_file import WARMUP, read_warmup


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_interactions):
    made = tmp_path_factory.mktemp("version")
    write_warmup(made, "two_tower", tiny_interactions)
    return made


@pytest.fixture(scope="module")
def official(folder):
    """The records as TensorFlow Serving's own package reads them."""
    dataset = tf.data.TFRecordDataset(str(folder / WARMUP))
    return [prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request for record in dataset]


def test_the_official_package_reads_one_request_for_each_signature(official):
    assert [(request.model_spec.name, request.model_spec.signature_name) for request in official] == [
        ("two_tower", signature) for signature in SIGNATURES
    ]
    for request in official:
        wanted = SIGNATURES[request.model_spec.signature_name].inputs
        values = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        assert {name: value.ndim for name, value in values.items()} == {n: len(t.shape) for n, t in wanted.items()}
        assert {name: value.dtype for name, value in values.items()} == {
            n: np.dtype(object if t.dtype == "string" else t.dtype) for n, t in wanted.items()
        }


def test_our_reader_reads_what_the_official_package_reads(folder, official):
    assert [r.SerializeToString(deterministic=True) for r in read_warmup(folder)] == [
        r.SerializeToString(deterministic=True) for r in official
    ]


def test_a_version_answers_every_warm_up_request(official, tiny_version):
    with session(tiny_version.folder) as answer:
        for request in official:
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            assert len(answer(request.model_spec.signature_name, inputs)["score"]) == 32
