"""What is no SavedModel, or one that is broken, is told in sentences of one line, whatever a file holds or claims."""

from __future__ import annotations

import pytest
from command import run
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import Failure
from serving.version import inspect
from serving.version.find import find


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda folder: folder.rmdir(),
            "is no folder, expected a version's folder, a model's folder or a models folder",
        ),
        (lambda folder: None, "holds no version, expected a version's folder, a model's folder or a models folder"),
        (
            lambda folder: (folder / "saved_model.pb").touch(),
            r"no graph at all, expected a graph tagged \[serve\]",
        ),
        (lambda folder: (folder / "saved_model.pb").write_bytes(b"\xff" * 99), "cut off or no SavedModel"),
        (lambda folder: (folder / "saved_model.pbtxt").write_text("no proto"), "cut off or no SavedModel"),
        (lambda folder: (folder / "saved_model.pb").mkdir(), "holds no version"),
    ],
)
def test_what_is_no_saved_model_is_one_sentence(tmp_path, make, sentence):
    folder = tmp_path / "1"
    folder.mkdir()
    make(folder)
    with pytest.raises(Failure, match=sentence):
        [inspect.inspect(path) for path in find(folder)]


def test_a_graph_with_other_tags_is_not_one_for_serving(version):
    data = (version / "saved_model.pb").read_bytes()
    (version / "saved_model.pb").write_bytes(data.replace(b"\x05serve", b"\x05train"))
    with pytest.raises(Failure, match=r"holds \[train\], expected a graph tagged \[serve\]"):
        inspect.inspect(version)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_broken_file_holds_is_told_in_sentences_of_one_line(kept, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("broken")
    content = bytearray((kept / "saved_model.pb").read_bytes())
    end = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:end]
    else:
        content[end] ^= data.draw(st.integers(1, 255))
    (folder / "saved_model.pb").write_bytes(content)
    try:
        said = list(inspect.inspect(folder).differences)
    except Failure as failure:
        said = [str(failure)]
    assert all(len(sentence.splitlines()) == 1 for sentence in said)


@pytest.mark.parametrize("name", ["saved_model.pb", "saved_model.pbtxt"])
@pytest.mark.parametrize("size", [8 << 30, (1 << 31) - 1])
def test_a_saved_model_that_is_all_hole_is_one_sentence_at_once(tmp_path, name, size):
    if name.endswith(".pbtxt") and size < 1 << 31:
        pytest.skip("a text may begin with anything")
    with (tmp_path / name).open("wb") as file:
        file.truncate(size)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    done = run("inspect", str(tmp_path), before=limit)
    sentence = f"triptych: {tmp_path} holds a saved_model.pb that is cut off or no SavedModel: it holds {size} bytes"
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(sentence)
