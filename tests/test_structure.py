"""What holds the rooms livable: who may import whom, and how large a folder, a module and a function may be."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from modules import MODULES, ROOT, imports, ours, tree

ORDER = [
    "export/cli",
    "export/bench",
    "export/bulk",
    "export/quality",
    "export/vectors",
    "export/pipeline",
    "export/publishing",
    "export/graph",
    "export/models",
    "export/towers",
    "export/waist",
    "export/forecast",
    "export/data",
    "export/locks",
    "export/writable",
    "export/progress",
    "export/interrupt",
    "export/__init__",
    "serving/cli",
    "serving/explore",
    "serving/server",
    "serving/hosting",
    "serving/api",
    "serving/config",
    "serving/bench",
    "serving/json",
    "serving/repository",
    "serving/client",
    "serving/engines",
    "serving/version",
    "serving/http",
    "serving/wire",
    "serving/proto",
    "serving",
    "lightfm_adapter",
]
"""Folders, and the few modules beside them, from the top down: a module uses its own folder and those below it."""

ALONE = ("serving", "lightfm_adapter")
"""Packages that use nothing of ours outside themselves."""

PLAIN = {"str", "int", "float", "bool", "bytes", "None", "list", "dict", "tuple", "set", "Sequence", "Mapping"}
PLAIN |= {"Iterable", "Iterator", "Collection", "Array", "Bools", "Floats", "Ints", "Scores", "npt.NDArray"}
PLAIN |= {"np.bool_", "np.float32", "np.float64", "np.int64", "tf.Tensor", "object", "slice"}
PLAIN |= {"Ids", "ModelConfig", "Names", "Tags", "Target", "Tensor"}
"""What annotations of what an example can write down in a line are made of."""

ACTS = ("_", "read_", "load", "find", "connect", "listen")
"""How the names begin of functions that are private, or ask files and servers: they have no example to run."""

MOST_FILES, MOST_LINES, MOST_OF_A_FUNCTION = 12, 200, 30

PAGE = sorted((ROOT / "serving/explore/static").iterdir())
TESTS = sorted(
    file for file in (ROOT / "tests").rglob("*.py") if "data" not in file.relative_to(ROOT / "tests").parts[:1]
)


def floor(module: str) -> str:
    """Find the folder of ``ORDER`` that a module lies in."""
    return max((place for place in ORDER if f"{module}/".startswith(f"{place}/")), key=len, default="no folder")


def test_every_module_has_its_place_in_the_order() -> None:
    assert [module for module in MODULES if floor(module) == "no folder"] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_folder_or_one_below(module: str) -> None:
    own = floor(module)
    wrong = [
        f"{module} imports {other}: {own} may not reach {floor(other)}, which lies above it"
        for other in sorted(ours(module))
        if ORDER.index(floor(other)) < ORDER.index(own)
        or (own.split("/")[0] in ALONE and other.split("/")[0] != own.split("/")[0])
    ]
    assert not wrong, "; ".join(wrong)


def test_no_imports_go_round_in_a_circle() -> None:
    sorter = graphlib.TopologicalSorter({module: ours(module) for module in MODULES})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", MODULES)
def test_only_the_adapter_imports_lightfm(module: str) -> None:
    if not module.startswith("lightfm_adapter/"):
        assert "lightfm" not in {name.split(".")[0] for name in imports(module)}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_what_it_is_for_and_fits_on_few_screens(module: str) -> None:
    assert ast.get_docstring(tree(module))
    assert (ROOT / f"{module}.py").read_text(encoding="utf-8").count("\n") <= MOST_LINES


@pytest.mark.parametrize("file", [*PAGE, *TESTS], ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_of_the_page_or_of_tests_fits_on_few_screens_too(file: Path) -> None:
    assert file.read_text(encoding="utf-8").count("\n") <= MOST_LINES


@pytest.mark.parametrize("module", MODULES)
def test_a_function_fits_on_one_screen(module: str) -> None:
    functions = (n for n in ast.walk(tree(module)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    too_long = {}
    for function in functions:
        docstring = function.body[0].end_lineno if ast.get_docstring(function) else None
        length = (function.end_lineno or 0) - (docstring or function.lineno)
        if length > MOST_OF_A_FUNCTION:
            too_long[function.name] = length
    assert too_long == {}


def plain(annotation: ast.expr | None) -> bool:
    """Tell whether what bears an annotation can be written down in a line."""
    return annotation is not None and set(re.findall(r"[\w.]+", ast.unparse(annotation))) <= PLAIN


@pytest.mark.parametrize("module", MODULES)
def test_a_function_of_plain_values_has_an_example(module: str) -> None:
    lacking = []
    for function in tree(module).body:
        if isinstance(function, ast.FunctionDef) and not function.name.startswith(ACTS):
            arguments = [each.annotation for each in (*function.args.args, *function.args.kwonlyargs)]
            gives = function.returns and ast.unparse(function.returns) != "None"
            if arguments and gives and not function.decorator_list and all(map(plain, arguments)):
                lacking += [function.name] if ">>>" not in (ast.get_docstring(function) or "") else []
    assert lacking == []


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    folders = Counter(Path(module).parent.as_posix() for module in MODULES if not module.endswith("/__init__"))
    folders.update(file.parent.relative_to(ROOT).as_posix() for file in TESTS)
    assert {folder: files for folder, files in folders.items() if files > MOST_FILES} == {}


def test_every_folder_says_what_may_live_there() -> None:
    folders = {Path(module).parent.as_posix() for module in MODULES}
    assert [folder for folder in sorted(folders) if f"{folder}/__init__" not in MODULES] == []


@pytest.mark.parametrize(
    "room", sorted({Path(module).parent.as_posix() for module in MODULES if module.count("/") > 1})
)
def test_a_room_says_what_it_uses(room: str) -> None:
    used = {other for module in MODULES if Path(module).parent == Path(room) for other in ours(module)}
    used = {other if floor(other) == "serving" else floor(other) for other in used}
    own = f"{Path(room).parent}."
    names = sorted(name.replace("/", ".").removeprefix(own) for name in used - {room, "export/__init__"})
    said = " ".join((ast.get_docstring(tree(f"{room}/__init__")) or "").split()).rpartition("Uses ")[2]
    if said != "any room below.":
        assert set(said.removesuffix(".").split(", ")) == set(names or ["nothing of ours"]), f"Uses {', '.join(names)}."


@pytest.mark.parametrize("package", ["export", "serving"])
def test_the_map_shows_every_place_in_its_order(package: str) -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawn = re.findall(r"(\w+)(?:/|\.py) ", page.partition(f"subgraph {package}[")[2].partition("\n  end\n")[0])
    places = [place.split("/")[1] for place in ORDER if place.startswith(f"{package}/") and "__init__" not in place]
    assert drawn[: len(places)] == places


def test_the_tests_lie_in_the_folders_of_what_they_hold() -> None:
    folders = {path.parent.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(folder for folder in folders if not (ROOT / folder).is_dir()) == []


@pytest.mark.parametrize("folder", ["docker", "tests"])
def test_folders_that_others_own_the_names_of_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("module", ["serving.client", "serving.server", "serving.cli", "serving.version.inspect"])
def test_serving_loads_no_tensorflow(module: str) -> None:
    program = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
