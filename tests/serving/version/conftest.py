"""Two versions that TensorFlow wrote: one that keeps the contract, to be copied and broken, and a plain TFRS export."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from twins import ITEMS

import export  # noqa: F401  isort: skip - before TensorFlow

import tensorflow as tf
import tensorflow_recommenders as tfrs

from serving.contract import SIGNATURES


class Recommender(tf.Module):
    """Answers the contract with three items for everybody."""

    def signatures(self):
        def answer(name, arguments):
            rows = tf.shape(next(iter(arguments.values())))[0]
            k = tf.minimum(tf.reduce_max(arguments["k"]), 3) if "k" in arguments else 10
            columns = {"item": tf.constant([*ITEMS, *[""] * 7]), "score": tf.range(10, 0, -1, dtype=tf.float32)}
            columns = {key: tf.repeat(column[None, :k], rows, axis=0) for key, column in columns.items()}
            if "known" in SIGNATURES[name].outputs:
                columns["known"] = tf.equal(arguments["user_id"], "42")
            return {"score": tf.zeros([rows])} if name == "score" else columns

        for name, signature in SIGNATURES.items():
            specs = {key: tf.TensorSpec(each.shape, each.dtype, key) for key, each in signature.inputs.items()}
            function = tf.function(lambda _name=name, **arguments: answer(_name, arguments), autograph=False)
            yield name, function.get_concrete_function(**specs)


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "two_tower" / "7"
    module = Recommender()
    tf.saved_model.save(module, str(folder), signatures=dict(module.signatures()))
    return folder


@pytest.fixture(scope="session")
def plain_tfrs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "1"
    towers = tf.keras.Sequential([tf.keras.layers.StringLookup(vocabulary=["42"]), tf.keras.layers.Embedding(2, 4)])
    index = tfrs.layers.factorized_top_k.BruteForce(towers, k=2)
    index.index(tf.random.uniform([3, 4], seed=1), tf.constant(ITEMS))
    index(tf.constant(["42"]))
    index.save(str(folder))
    return folder


@pytest.fixture
def version(kept, tmp_path) -> Path:
    """A copy of the version that keeps the contract, to be added to and broken."""
    return Path(shutil.copytree(kept, tmp_path / "two_tower" / "7"))
