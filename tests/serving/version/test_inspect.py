"""The offline inspector on SavedModels that TensorFlow wrote: the signatures, and how they differ from the contract."""

from __future__ import annotations

import export  # noqa: F401  isort: skip - before TensorFlow

import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from serving.contract import SIGNATURES
from serving.version import inspect
from serving.version.find import find
from serving.version.saved_model import read_signatures


def test_a_version_that_keeps_the_contract_has_its_signatures_and_no_difference(kept):
    found = inspect.inspect(kept)
    assert found.signatures == SIGNATURES
    assert (found.differences, found.manifest, found.warmup, found.twin) == ((), None, (), ())


def test_each_difference_of_a_plain_tfrs_export_is_named(plain_tfrs):
    assert sorted(inspect.inspect(plain_tfrs).differences) == [
        "serving_default: input input_1 string[?] is not expected",
        "serving_default: input user_id is missing, expected string[?]",
        "serving_default: output item is missing, expected string[?, 10]",
        "serving_default: output output_1 float32[?, 2] is not expected",
        "serving_default: output output_2 string[?, 2] is not expected",
        "serving_default: output score is missing, expected float32[?, 10]",
        "there is no signature recommend",
        "there is no signature recommend_from",
        "there is no signature recommend_within",
        "there is no signature score",
        "there is no signature similar",
    ]


def test_a_dtype_and_a_shape_that_differ_are_named_with_what_was_expected(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "user_id")])
    def serving_default(user_id):
        return {"item": tf.as_string(user_id), "score": tf.zeros([tf.shape(user_id)[0], 10], tf.float64)}

    module = tf.Module()
    module.serving_default = serving_default
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": serving_default})
    told = [each for each in inspect.inspect(tmp_path / "1").differences if each.startswith("serving_default")]
    assert told == [
        "serving_default: input user_id is int64[?], expected string[?]",
        "serving_default: output item is string[?], expected string[?, 10]",
        "serving_default: output score is float64[?, 10], expected float32[?, 10]",
    ]


def test_tensors_that_the_contract_has_no_word_for_are_told_apart(tmp_path):
    saved = saved_model_pb2.SavedModel()
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    outputs = graph.signature_def["odd"].outputs
    outputs["sparse"].coo_sparse.values_tensor_name = "v:0"
    outputs["composite"].composite_tensor.SetInParent()
    for name, dtype in (("sparse", 9), ("composite", 1), ("rank", 1), ("dtype", 99)):
        outputs[name].dtype = dtype
        outputs[name].tensor_shape.unknown_rank = name == "rank"
    (tmp_path / "saved_model.pb").write_bytes(saved.SerializeToString())
    found = read_signatures(tmp_path)["odd"].outputs
    assert {name: inspect.describe(tensor) for name, tensor in found.items()} == {
        "sparse": "sparse int64[]",
        "composite": "composite float32[]",
        "rank": "float32 of unknown rank[]",
        "dtype": "dtype 99[]",
    }


def test_a_saved_model_in_text_form_is_read_too(kept, tmp_path):
    saved = saved_model_pb2.SavedModel.FromString((kept / "saved_model.pb").read_bytes())
    for graph in saved.meta_graphs:
        graph.ClearField("graph_def")
        graph.ClearField("object_graph_def")
    (tmp_path / "saved_model.pbtxt").write_text(text_format.MessageToString(saved))
    assert read_signatures(tmp_path) == SIGNATURES


def test_versions_are_compared_with_the_first(kept, plain_tfrs):
    same, other = inspect.inspect(kept), inspect.inspect(plain_tfrs)
    assert inspect.compare([same, same, same]) == []
    told = inspect.compare([other, same])
    assert f"{kept}: serving_default: output output_1 is missing, expected float32[?, 2]" in told
    assert f"{kept}: serving_default: output item string[?, 10] is not expected" in told
    assert f"{kept}: signature score is not expected" in told
    assert len(told) == 6 + 5


def test_a_model_folder_means_its_newest_version_and_a_models_folder_each_models_newest(tmp_path):
    for name in ("two_tower/2", "two_tower/10", "lightfm/1", "lightfm/.staging-9", "two_tower/failed-3", "notes"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    (tmp_path / "notes/saved_model.pb").unlink()
    newest = tmp_path / "two_tower/10"
    assert find(newest) == [newest]
    assert find(tmp_path / "two_tower") == [newest]
    assert find(tmp_path) == [tmp_path / "lightfm/1", newest]
