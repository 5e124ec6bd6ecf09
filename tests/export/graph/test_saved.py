"""What a version holds: the contract's signatures to the letter, everything once, and nothing that none reads."""

import pytest
import tensorflow as tf
from conftest import KINDS, SCORED

from serving.contract import SIGNATURES


@pytest.mark.parametrize("kind", KINDS)
def test_signature_defs_are_the_contract_to_the_letter(kind, tiny_versions):
    with tf.Graph().as_default(), tf.compat.v1.Session() as running:
        found = tf.compat.v1.saved_model.load(running, ["serve"], str(tiny_versions[kind].folder)).signature_def
        assert {name: signature_of(s) for name, s in found.items() if name != "__saved_model_init_op"} == {
            name: (
                {n: (t.dtype, t.shape) for n, t in s.inputs.items()},
                {n: (t.dtype, t.shape) for n, t in s.outputs.items()},
            )
            for name, s in SIGNATURES.items()
        }
        assert {s.method_name for n, s in found.items() if n in SIGNATURES} == {"tensorflow/serving/predict"}


def signature_of(found):
    """Names, dtypes and shapes of a SignatureDef's inputs and outputs."""
    return tuple(
        {
            name: (tf.as_dtype(t.dtype).name, tuple(None if d.size == -1 else d.size for d in t.tensor_shape.dim))
            for name, t in tensors.items()
        }
        for tensors in (found.inputs, found.outputs)
    )


def test_everything_is_kept_once_and_what_users_have_is_kept_sparse(tiny_versions):
    for kind, tiny in tiny_versions.items():
        reader = tf.train.load_checkpoint(str(tiny.folder / "variables" / "variables"))
        shapes = sorted(shape for shape in reader.get_variable_to_shape_map().values() if len(shape) == 2)
        history = [[41, 5]] * (tiny.model.history is not None)
        scores = [[31, 41]] * (kind in SCORED)
        tags = len({tag for own in tiny.interactions.item_tags for tag in own} | {""})
        lists = [[30 + 1, 3], [tags + 1, 3]]
        assert shapes == sorted([[10, 10], [10, 41], [31, 10], *history, *scores, *lists])


def test_what_no_signature_reads_is_not_kept(tiny_version):
    loaded = tf.saved_model.load(str(tiny_version.folder))
    assert sorted(loaded.signatures) == sorted(SIGNATURES)
    assert not [part for part in loaded.state if isinstance(part, tf.Module)]
