"""`triptych inspect --answer` asks a version itself: its twin, or else its SavedModel."""

from __future__ import annotations

import json

from command import run, triptych
from twins import ITEMS, write_twin


def test_answer_asks_the_twin_without_tensorflow(version):
    write_twin(version)
    result = run("inspect", str(version), "--answer", "7", forbid="tensorflow grpc")
    assert result.returncode == 0
    assert result.stdout.endswith(
        "  an unknown user gets the most popular items\n"
        "   1     3.0000  Alien (1979)\n   2     2.0000  Fargo (1996)\n   3     1.0000  Heat (1995)\n"
    )


def test_answer_runs_the_saved_model_where_there_is_no_twin(version):
    result = triptych("inspect", version, "--answer", "42", "--json")
    (found,) = json.loads(result.stdout)["versions"]
    assert found["answer"] == {"items": ITEMS, "scores": [10.0, 9.0, 8.0], "known": True}


def test_answer_without_a_twin_and_without_tensorflow_is_one_sentence(version):
    result = run("inspect", str(version), "--answer", "42", forbid="tensorflow")
    assert result.returncode == 1
    assert (
        "has no ONNX twin of all its signatures, and TensorFlow, which would run it, is not installed" in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_answer_of_a_model_without_the_signature_is_one_sentence(plain_tfrs):
    result = triptych("inspect", str(plain_tfrs), "--answer", "42")
    assert result.returncode == 1
    assert "has no signature recommend" in result.stderr
