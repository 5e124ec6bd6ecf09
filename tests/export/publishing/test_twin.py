import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf
from tf2onnx import tfonnx

from export.graph.conversion import mended
from export.graph.plan import Plan
from export.graph.recommender import Recommender
from export.publishing.agreement import cases, first_difference, requests, session
from export.publishing.twin import OPSET, SHARED_FROM, WEIGHTS, twin, write_twin
from serving.contract import SIGNATURES, twin_output

KINDS = {"string": onnx.TensorProto.STRING, "int32": onnx.TensorProto.INT32, "bool": onnx.TensorProto.BOOL}
KINDS["float32"] = onnx.TensorProto.FLOAT


def twin_of(version):
    return version.folder / "assets.extra" / "onnx"


def compare(version, folder):
    """Hold a twin to a version's SavedModel."""
    with session(version.folder) as expected:
        return first_difference(cases(expected, requests(version.interactions)), twin(folder))


def graph(version, signature):
    return onnx.load(twin_of(version) / f"{signature}.onnx", load_external_data=False)


@pytest.mark.parametrize("kind", ["plain", "item_biases", "user_biases", "history"])
def test_the_twin_answers_like_the_saved_model_for_every_user_and_at_the_edges(kind, tiny_versions):
    version = tiny_versions[kind]
    assert compare(version, twin_of(version)) is None


def test_another_models_twin_is_told_apart(tiny_versions):
    version = tiny_versions["plain"]
    wrong = compare(version, twin_of(tiny_versions["item_biases"]))
    assert wrong.startswith("serving_default asked with {'user_id': [")


@pytest.mark.parametrize("signature", SIGNATURES)
def test_inputs_and_outputs_are_named_and_ordered_as_in_the_contract(signature, tiny_version):
    model, wanted = graph(tiny_version, signature), SIGNATURES[signature]
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == OPSET
    found = [
        {t.name: (t.type.tensor_type.elem_type, len(t.type.tensor_type.shape.dim)) for t in tensors}
        for tensors in (model.graph.input, model.graph.output)
    ]
    assert list(found[0]) == list(wanted.inputs)
    assert list(found[1]) == [twin_output(signature, name) for name in wanted.outputs]
    for tensors, told in ((found[0], wanted.inputs), (found[1], wanted.outputs)):
        assert list(tensors.values()) == [(KINDS[t.dtype], len(t.shape)) for t in told.values()]


def test_only_similar_has_an_output_that_is_called_otherwise():
    renamed = {(s, n) for s, told in SIGNATURES.items() for n in told.outputs if twin_output(s, n) != n}
    assert renamed == {("similar", "item")}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_names_stand_in_the_order_of_their_places_so_that_the_same_seed_gives_the_same_file(signature, tiny_version):
    """TensorFlow hands a table out in an order that no two processes share."""
    tables = [node for node in graph(tiny_version, signature).graph.node if node.op_type == "CategoryMapper"]
    places = [list(value.ints) for node in tables for value in node.attribute if value.name == "cats_int64s"]
    assert places == [sorted(each) for each in places]
    assert tables


def test_weights_are_on_disk_once_for_all_signatures(tiny_version):
    places, tensors = set(), 0
    for signature in SIGNATURES:
        for tensor in graph(tiny_version, signature).graph.initializer:
            assert len(tensor.raw_data) < SHARED_FROM
            if tensor.external_data:
                told = {entry.key: entry.value for entry in tensor.external_data}
                assert told["location"] == WEIGHTS
                places.add((int(told["offset"]), int(told["length"])))
                tensors += 1
    contents = (twin_of(tiny_version) / WEIGHTS).read_bytes()
    assert tensors > len(places) > 0
    assert sorted(places)[-1][0] + sorted(places)[-1][1] == len(contents)
    pieces = [contents[offset : offset + length] for offset, length in places]
    assert len(set(pieces)) == len(pieces)
    (vectors,) = tiny_version.recommender.index.matrices["candidates"]
    assert sum(piece == vectors.numpy().tobytes() for piece in pieces) == 1


def test_writing_a_twin_over_another_replaces_it(tiny_versions, tmp_path):
    first, second = tiny_versions["plain"], tiny_versions["item_biases"]
    shutil.copytree(twin_of(first), tmp_path, dirs_exist_ok=True)
    write_twin(second.folder, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted([WEIGHTS, *(f"{signature}.onnx" for signature in SIGNATURES)])
    assert (tmp_path / WEIGHTS).read_bytes() == (twin_of(second) / WEIGHTS).read_bytes()
    assert compare(second, tmp_path) is None


def test_the_twin_answers_where_tensorflow_is_never_loaded(tiny_version):
    program = f"""
import json, sys
import numpy, onnxruntime
session = onnxruntime.InferenceSession({str(twin_of(tiny_version) / "serving_default.onnx")!r})
items, scores = session.run(None, {{"user_id": numpy.array(["3", "nobody"], object)}})
assert not [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "tf2onnx", "onnx", "tf_keras")]
print(json.dumps([items.tolist(), scores.tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    with session(tiny_version.folder) as answer:
        expected = answer("serving_default", {"user_id": np.array(["3", "nobody"], object)})
    assert json.loads(done.stdout) == [expected["item"].tolist(), expected["score"].tolist()]


def test_the_twin_says_what_it_is_asked_for_in_strings(tiny_version):
    found = twin(twin_of(tiny_version))("similar", {"item": np.array(["日本"], object), "k": np.array([1], np.int32)})
    assert [type(name) for name in found["item"][0]] == [str]


@pytest.mark.parametrize("kind", ["plain", "user_biases"])
def test_recommend_takes_no_more_nodes_than_it_has_steps(kind, tiny_versions):
    kinds = [node.op_type for node in graph(tiny_versions[kind], "recommend").graph.node]
    assert not {"ScatterND", "Not", "Mul", "Equal"} & set(kinds)  # choices and scatters, written out
    assert kinds.count("Where") == 3
    assert len([kind for kind in kinds if kind not in ("Identity", "Constant")]) <= 50


def test_the_branches_of_a_scanned_graph_are_converted_in_one_order_whatever_order_they_are_found_in(
    tmp_path, monkeypatch, tiny_version
):
    scan, resolve, orders = Plan(head=2, candidates=8, falls_back=0.0, cost=0.1), tfonnx.resolve_functions, []
    Recommender(tiny_version.model, tiny_version.interactions, scan).save(tmp_path / "1")
    graph = tf.saved_model.load(str(tmp_path / "1")).signatures["recommend"].graph
    for step in (1, -1):  # from a set, which Python orders anew in each process
        monkeypatch.setattr(tfonnx, "resolve_functions", lambda graph, step=step: resolve(graph)[::step])
        with mended():
            orders.append(tfonnx.resolve_functions(graph))
    names, others = ([function.name for function in order] for order in orders)
    assert names == others
    calls = [
        (place, names.index(value.func.name))
        for place, function in enumerate(orders[0])
        for op in function.get_operations()
        for value in op.node_def.attr.values()
        if value.HasField("func")
    ]
    assert len(calls) > 2
    assert all(called < caller for caller, called in calls)
