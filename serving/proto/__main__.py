"""Recompile the .proto files beside this module (needs grpcio-tools, from the dev requirements).

TensorFlow's own messages come compiled with tensorboard, without their .proto files, so the compiler is given
their descriptors instead.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from google.protobuf import any_pb2, descriptor_pb2, wrappers_pb2
from google.protobuf.descriptor import FileDescriptor
from grpc_tools import protoc
from tensorboard.compat.proto import meta_graph_pb2

HERE = Path(__file__).parent
SOURCES = ("serving.proto", "config.proto")


def main() -> int:
    """Compile every .proto file beside this module; return the compiler's exit status."""
    known = descriptor_pb2.FileDescriptorSet()
    for module in (any_pb2, wrappers_pb2, meta_graph_pb2):
        _collect(module.DESCRIPTOR, known)
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            target = Path(folder, "serving", "proto", source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((HERE / source).read_bytes())
        descriptors = Path(folder, "known.pb")
        descriptors.write_bytes(known.SerializeToString())
        # protoc takes either a path or descriptors for what is imported: ours are compiled to descriptors first.
        ours = Path(folder, "ours.pb")
        names = [f"serving/proto/{source}" for source in SOURCES]
        merged = f"--descriptor_set_in={descriptors}"
        status = protoc.main(["protoc", merged, f"--proto_path={folder}", f"--descriptor_set_out={ours}", *names])
        out = HERE.parent.parent
        return status or protoc.main(
            ["protoc", f"{merged}{':'}{ours}", f"--python_out={out}", f"--pyi_out={out}", *names]
        )


def _collect(file: FileDescriptor, known: descriptor_pb2.FileDescriptorSet) -> None:
    """Add a file and what it imports, imports first, each once."""
    for dependency in file.dependencies:
        _collect(dependency, known)
    if all(one.name != file.name for one in known.file):
        file.CopyToProto(known.file.add())


if __name__ == "__main__":
    sys.exit(main())
