"""What holds the rooms livable: who may import whom, and how long a module and a function may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"export", "serving", "lightfm_adapter"}
MAY_IMPORT = {"export": OURS, "serving": {"serving"}, "lightfm_adapter": {"lightfm_adapter"}}
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in OURS
    for path in (ROOT / package).rglob("*.py")
    if "proto" not in path.parts
)


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or module).split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_package_imports_only_what_lies_below_it(module: str) -> None:
    assert OURS.intersection(imports(module)) <= MAY_IMPORT[module.split("/", maxsplit=1)[0]]


@pytest.mark.parametrize("module", MODULES)
def test_only_the_adapter_imports_lightfm(module: str) -> None:
    if not module.startswith("lightfm_adapter/"):
        assert "lightfm" not in set(imports(module))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_what_it_is_for_and_fits_on_few_screens(module: str) -> None:
    assert ast.get_docstring(tree(module))
    assert (ROOT / module).read_text(encoding="utf-8").count("\n") <= 200


@pytest.mark.parametrize("module", MODULES)
def test_a_function_fits_on_one_screen(module: str) -> None:
    functions = (n for n in ast.walk(tree(module)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    too_long = {}
    for function in functions:
        docstring = function.body[0].end_lineno if ast.get_docstring(function) else None
        length = (function.end_lineno or 0) - (docstring or function.lineno)
        if length > 30:
            too_long[function.name] = length
    assert too_long == {}


@pytest.mark.parametrize("folder", ["docker", "tests"])
def test_folders_that_others_own_the_names_of_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("module", ["serving.client", "serving.server", "serving.cli", "serving.version.inspect"])
def test_serving_loads_no_tensorflow(module: str) -> None:
    program = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
