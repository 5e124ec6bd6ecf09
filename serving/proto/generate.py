"""Compile the .proto files beside this one: `python -m serving.proto.generate` (needs grpcio-tools).

The `tensorboard` wheel has TensorFlow's messages as Python modules but not as .proto files, so protoc is given the
descriptors those modules carry.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool
from tensorboard.compat.proto import meta_graph_pb2, tensor_pb2

ROOT = Path(__file__).parents[2]
SOURCES = ("serving/proto/config.proto", "serving/proto/serving.proto", "serving/proto/files.proto")


def generate(folder: Path) -> None:
    """Write the modules and their type stubs under `folder`, at the paths they have in this project.

    Raises:
        CalledProcessError: protoc refused a file; it has written why to stderr.
    """
    with tempfile.NamedTemporaryFile(suffix=".pb") as descriptors:
        descriptors.write(_tensorflow_descriptors().SerializeToString())
        descriptors.flush()
        options = [f"--descriptor_set_in={descriptors.name}", f"--proto_path={ROOT}"]
        outputs = [f"--python_out={folder}", f"--pyi_out={folder}"]
        # In a process of its own: protoc's copy of protobuf and TensorFlow's crash each other in one.
        command = [sys.executable, "-m", "grpc_tools.protoc", *options, *outputs, *SOURCES]
        subprocess.run(command, check=True)


def _tensorflow_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """Return TensorFlow's files and all they import, each after what it imports, as protoc wants them."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str) -> None:
        if name not in files:
            descriptor = descriptor_pool.Default().FindFileByName(name)
            for dependency in descriptor.dependencies:
                add(dependency.name)
            files[name] = descriptor_pb2.FileDescriptorProto.FromString(descriptor.serialized_pb)

    roots = (meta_graph_pb2.DESCRIPTOR.name, tensor_pb2.DESCRIPTOR.name)
    for name in (*roots, "google/protobuf/any.proto", "google/protobuf/wrappers.proto"):
        add(name)
    return descriptor_pb2.FileDescriptorSet(file=files.values())


if __name__ == "__main__":
    generate(ROOT)
