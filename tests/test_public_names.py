"""The public names: which there are, that each is to be had, what each loads, and whatever lies beside the script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import triptych
from serving.client import Client, Ranked, ServerError
from serving.errors import Failure

ROOT = Path(__file__).parent.parent

NAMES = [
    "Client",
    "Config",
    "Factorized",
    "Failure",
    "History",
    "Interactions",
    "Model",
    "Ranked",
    "ServerError",
    "Source",
    "hyper",
    "read",
    "publish",
]
"""What a user may import: a name that is taken away here breaks somebody's program."""

OWN = """
import sys

def recommend():
    return "mine"
"""


def run(script: Path, *, before: str = "") -> str:
    """Run a script as people do: its own folder comes first on Python's path."""
    return ran(script, before=before)[0]


def ran(script: Path, *, before: str = "") -> tuple[str, str]:
    """Run it; return what it printed, and what was told on stderr."""
    text = script.read_text()
    script.write_text(f"{before}\n{text}")
    env = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}  # tf2onnx sets it, here
    done = subprocess.run(
        [sys.executable, script], cwd=script.parent, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody who has files of the names of our packages, which can be imported and do something else."""
    for name in ("serving", "export", "lightfm_adapter"):
        (tmp_path / f"{name}.py").write_text(OWN)
    return tmp_path


def test_the_public_names_are_these() -> None:
    assert sorted(triptych.__all__) == sorted(dir(triptych)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_says_what_it_is(name: str) -> None:
    assert getattr(triptych, name).__doc__


def test_names_are_those_that_the_packages_have() -> None:
    assert (triptych.Client, triptych.Ranked, triptych.ServerError) == (Client, Ranked, ServerError)
    assert triptych.Failure is Failure


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'triptych' has no attribute 'Cleint'"):
        triptych.Cleint  # noqa: B018


def test_no_name_loads_tensorflow_before_it_is_used() -> None:
    names = ", ".join(NAMES)
    program = f"import sys; from triptych import {names}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_the_client_loads_nothing_that_trains() -> None:
    program = (
        "import sys; from triptych import Client; print({'pyarrow', 'numpy', 'export.vectors'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "{'numpy'}\n"


@pytest.mark.parametrize("before", ["", "import serving, export; assert serving.recommend() == 'mine'"])
def test_the_client_is_to_be_had_beside_files_of_the_same_names(folder: Path, before: str) -> None:
    script = folder / "ask.py"
    script.write_text(
        "from triptych import Client, Failure\n"
        "try:\n    Client('http://127.0.0.1:9', model='als').recommend(['42'])\n"
        "except Failure as failure:\n    print(failure)\n"
        "if 'serving' in dir():\n    print(serving.recommend())\n"
    )
    told = run(script, before=before)
    assert told.startswith("no server at http://127.0.0.1:9")
    assert told.endswith("mine\n") == bool(before)


def test_a_script_may_itself_be_called_serving(folder: Path) -> None:
    (folder / "serving.py").write_text("from triptych import Client\nprint(Client.__module__)\n")
    assert run(folder / "serving.py") == "serving.client.client\n"


def test_a_package_of_the_same_name_that_is_in_use_is_told(folder: Path) -> None:
    (folder / "serving.py").unlink()
    (folder / "serving").mkdir()
    (folder / "serving/__init__.py").touch()
    script = folder / "ask.py"
    script.write_text("try:\n    from triptych import Client\nexcept ImportError as error:\n    print(error)\n")
    told = run(script, before="import serving")
    assert told == f"serving from {folder / 'serving'} is loaded, whose name a package of triptych has, too\n"


@pytest.mark.training
def test_the_few_lines_of_the_page_publish_and_ask_beside_files_of_the_same_names(folder: Path) -> None:
    page = (ROOT / "docs/own-vectors.md").read_text(encoding="utf-8")
    script = folder / "mine.py"
    script.write_text(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0])
    printed, told = ran(script)
    assert printed == "[Ranked(items=('Alien', 'Heat'), scores=(2.0, 1.0), known=True)]\n"
    assert told == "exporting als\nproving als in a fresh process\npublished models/als/1\n"
    assert (folder / "models/als/1/saved_model.pb").is_file()
