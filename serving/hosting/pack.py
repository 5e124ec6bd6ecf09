"""Write a version as hosting platforms take it: an archive for SageMaker, a model repository for Triton.

Both hold copies, and neither needs what trained the version. The archive is the same bytes each time it is written.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from serving.contract import TWIN
from serving.engines.onnx import open_graph
from serving.engines.weights import Weights
from serving.errors import Failure
from serving.version.numbering import version_number

_TYPES = {
    "tensor(string)": "TYPE_STRING",
    "tensor(int32)": "TYPE_INT32",
    "tensor(bool)": "TYPE_BOOL",
    "tensor(float)": "TYPE_FP32",
}
"""Triton's names for the types of the contract, by ONNX Runtime's."""


def pack_sagemaker(versions: Sequence[Path], out: Path) -> None:
    """Write a model.tar.gz with the version folders of one model at its root.

    Raises:
        Failure: they are not versions of one model, or the file is there already.
    """
    _one_model(versions)
    if out.exists():
        raise Failure(f"{out} is there already, expected the name of a new file")
    numbers = {version: _number(version) for version in sorted(versions)}
    out.parent.mkdir(parents=True, exist_ok=True)
    # Times and owners left out: the archive's own sum then says whether two of them hold the same.
    with (
        _whole(out) as unfinished,
        unfinished.open("xb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for version, number in numbers.items():
            for path in sorted(version.rglob("*")):
                if path.is_file():
                    archive.add(path, f"{number}/{path.relative_to(version)}", filter=_anonymous)


def pack_triton(version: Path, out: Path) -> list[str]:
    """Write a Triton model repository: each signature's twin is a model of its own, <model>_<signature>.

    Triton knows no signatures. Batches are as the contract has them, the first dimension of every tensor, and not made
    by Triton (``max_batch_size: 0``): requests differ in the width of ``exclude``, which it could not join.

    Returns:
        The models' names.

    Raises:
        Failure: the version has no twin, or one of the models is there already.
    """
    graphs = sorted((version / TWIN).glob("*.onnx"))
    if not graphs:
        raise Failure(f"no ONNX twin in {version / TWIN}: export this version again")
    names = []
    for graph in graphs:
        name = f"{version.resolve().parent.name}_{graph.stem}"
        folder = out / name / str(_number(version))
        if folder.exists():
            raise Failure(f"{folder} is there already, expected a repository without this version")
        config = _config(name, graph)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _whole(folder) as unfinished:
            unfinished.mkdir()
            shutil.copyfile(graph, unfinished / "model.onnx")
            for weights in (version / TWIN).iterdir():
                if weights.suffix != ".onnx":
                    shutil.copyfile(weights, unfinished / weights.name)  # where the graph names it: beside itself
        (folder.parent / "config.pbtxt").write_text(config, encoding="utf-8")
        names.append(name)
    return names


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a name beside a file or folder to write it under: it gets its own once it is whole, or is gone."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    _remove(unfinished)  # what a run that was killed left
    try:
        yield unfinished
        unfinished.rename(path)
    except BaseException:
        _remove(unfinished)
        raise


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _one_model(versions: Sequence[Path]) -> None:
    models = sorted({version.resolve().parent.name for version in versions})
    if len(models) != 1:
        raise Failure(f"versions of {', '.join(models)}, expected those of one model: an archive is one model's")


def _number(version: Path) -> int:
    number = version_number(version.resolve().name)
    if number is None:
        raise Failure(
            f"{version} is no version folder, expected one with a number for a name, as in models/two_tower/7"
        )
    return number


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _config(name: str, graph: Path) -> str:
    session = open_graph(graph, Weights())
    lines = [f'name: "{name}"', 'backend: "onnxruntime"', "max_batch_size: 0"]
    for side, tensors in (("input", session.get_inputs()), ("output", session.get_outputs())):
        for tensor in tensors:
            dims = ", ".join(str(size) if isinstance(size, int) else "-1" for size in tensor.shape)
            lines.append(f'{side} {{ name: "{tensor.name}" data_type: {_TYPES[tensor.type]} dims: [ {dims} ] }}')
    return "\n".join(lines) + "\n"
