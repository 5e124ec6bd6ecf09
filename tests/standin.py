"""A server to ask: the contract over a catalogue of seven items, by plain Python, behind real sockets.

It stands in for TensorFlow Serving where a test needs to know every answer beforehand, or one that no good server
gives. REST is http.server, gRPC is grpc's own server; nothing of serving/ but the message definitions is used.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from tensorboard.util import tensor_util

from serving.proto import serving_pb2

ITEMS = ("Alien (1979)", "Fargo (1996)", "Amélie (2001)", "Contact (1997)", 'A "quoted" one', "映画", "Heat (1995)")
SCORES = {"42": (4.0, 3.5, 3.0, 2.25, 2.0, 0.1, -1.0), "7": (-1.0, 0.1, 2.0, 2.25, 3.0, 3.5, 4.0)}
POPULAR = (0.5, 0.4, 0.3, 0.25, 0.2, 0.1, 0.05)
TAGS = {"Alien (1979)": {"genre:Horror", "year:1979"}, "Fargo (1996)": {"genre:Comedy"}, "映画": {"genre:Comedy"}}
SEEN = {"42": {"Alien (1979)"}, "7": set()}
LOWEST = float(np.finfo(np.float32).min)


class RefusedError(Exception):
    """An error to answer: HTTP status, gRPC code, text."""


def ranked(scores: tuple[float, ...], k: int, left_out: set[str], width: int) -> tuple[list[str], list[float]]:
    order = sorted(range(len(ITEMS)), key=lambda place: -scores[place])
    kept = [place for place in order if ITEMS[place] not in left_out][:k]
    blank = width - len(kept)
    return [ITEMS[p] for p in kept] + [""] * blank, [scores[p] for p in kept] + [LOWEST] * blank


def outside(among: list[str], tags: list[str]) -> set[str]:
    named, wanted = set(among) - {""}, set(tags) - {""}
    return {item for item in ITEMS if (named and item not in named) or not wanted <= TAGS.get(item, set())}


def contract_answer(signature: str, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Answer one request; a row is two places wider than the largest k, as a row batched with others can be."""
    if signature == "score":
        return {
            "score": [
                SCORES.get(user, POPULAR)[ITEMS.index(item)] if item in ITEMS else LOWEST
                for user, item in zip(inputs["user_id"], inputs["item"], strict=True)
            ]
        }
    rows = len(next(iter(inputs.values())))
    ks = inputs.get("k", [4] * rows)
    if min(ks) < 1:
        raise RefusedError(400, "INVALID_ARGUMENT", f"k is {min(ks)},\n\texpected at least 1")
    ks = [min(k, len(ITEMS)) for k in ks]  # a k above the catalogue means the whole catalogue
    for name in ("exclude", "items", "among", "tags"):
        if name in inputs and not all(inputs[name]):
            raise RefusedError(400, "INVALID_ARGUMENT", "an empty tensor among others fails a padded batch")
    users = inputs.get("user_id", [""] * rows)
    left_out = [
        set(inputs["exclude"][row] if "exclude" in inputs else inputs["items"][row] if "items" in inputs else ())
        | (SEEN.get(users[row], set()) if inputs.get("unseen", [False] * rows)[row] else set())
        | ({inputs["item"][row]} if "item" in inputs else set())
        | (outside(inputs["among"][row], inputs["tags"][row]) if "among" in inputs else set())
        for row in range(rows)
    ]
    answers = [ranked(SCORES.get(users[row], POPULAR), ks[row], left_out[row], max(ks) + 2) for row in range(rows)]
    outputs: dict[str, list[Any]] = {"item": [a[0] for a in answers], "score": [a[1] for a in answers]}
    return outputs | (
        {"known": [user in SCORES for user in users]} if signature in ("recommend", "recommend_within") else {}
    )


@dataclass
class StandIn:
    """Both addresses, and the requests seen: (path or model_spec, signature, inputs)."""

    rest: str = ""
    grpc: str = ""
    seen: list[tuple[str, str, dict[str, list[Any]]]] = field(default_factory=list)
    answer: Callable[[str, dict[str, list[Any]]], dict[str, list[Any]]] = contract_answer
    raw: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None
    models: tuple[str, ...] = ("two_tower", "wide_deep", "lightfm")


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), rest_handler(server))
    rest.socket.listen(128)  # of more clients at once than the five it would hold, some come a second later
    threading.Thread(target=rest.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    rpc = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    rpc.add_generic_rpc_handlers([grpc_handler(server)])
    server.rest = f"http://127.0.0.1:{rest.server_port}"
    server.grpc = f"grpc://127.0.0.1:{rpc.add_insecure_port('127.0.0.1:0')}"
    rpc.start()
    try:
        yield server
    finally:
        rest.shutdown()
        rest.server_close()
        rpc.stop(None).wait(5)


@contextlib.contextmanager
def serving(*options: object) -> Iterator[tuple[str, str]]:
    """Run `triptych serve` on free ports; give its REST and its gRPC address."""
    command = [sys.executable, "-m", "export.cli", "serve", "--rest-port=0", "--grpc-port=0", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = process.stdout.readline()
            found = re.search(r"on (http://\S+) \(REST\) and (\S+) \(gRPC\)", line)
            assert found, line
            yield found[1], f"grpc://{found[2]}"
        finally:
            process.terminate()


def rest_handler(server: StandIn) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rows = [row if isinstance(row, dict) else {"user_id": row} for row in body.get("instances", [])]
            inputs = {name: [row[name] for row in rows] for name in rows[0]} if rows else body["inputs"]
            server.seen.append((self.path, body["signature_name"], inputs))
            if server.raw is not None:
                server.raw(self)
                return
            model = self.path.removeprefix("/v1/models/").split(":")[0].split("/")[0]
            try:
                if model not in server.models:
                    raise RefusedError(404, "NOT_FOUND", f"Servable not found for request: Latest({model})")
                outputs = server.answer(body["signature_name"], inputs)
                columns = outputs if len(outputs) > 1 else next(iter(outputs.values()))
                lines = [dict(zip(outputs, values, strict=True)) for values in zip(*outputs.values(), strict=True)]
                self.reply(200, {"predictions": lines} if rows else {"outputs": columns})
            except RefusedError as refusal:
                self.reply(refusal.args[0], {"error": refusal.args[2]})

        def reply(self, status: int, body: object) -> None:
            content = json.dumps(body, ensure_ascii=False, indent=4).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def grpc_handler(server: StandIn) -> grpc.GenericRpcHandler:
    def predict(request: Any, context: grpc.ServicerContext) -> Any:
        spec = request.model_spec
        inputs = {name: python(tensor) for name, tensor in request.inputs.items()}
        where = f"{spec.name}/{spec.version.value or spec.version_label}"
        server.seen.append((where, spec.signature_name, inputs))
        try:
            if spec.name not in server.models:
                raise RefusedError(404, "NOT_FOUND", f"Servable not found for request: Latest({spec.name})")
            outputs = server.answer(spec.signature_name, inputs)
        except RefusedError as refusal:
            context.abort(getattr(grpc.StatusCode, refusal.args[1]), refusal.args[2])
        types = {"item": object, "score": np.float32, "known": bool}
        reply = serving_pb2.PredictResponse()
        for name, values in outputs.items():
            column = np.array(values, dtype=types.get(name))
            reply.outputs[name].CopyFrom(tensor_util.make_tensor_proto(column))
        return reply

    method = grpc.unary_unary_rpc_method_handler(
        predict,
        request_deserializer=serving_pb2.PredictRequest.FromString,
        response_serializer=serving_pb2.PredictResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": method})


def python(tensor: Any) -> list[Any]:
    values = tensor_util.make_ndarray(tensor)
    if values.dtype == object:
        return np.array([text.decode() for text in values.flat], dtype=object).reshape(values.shape).tolist()
    return values.tolist()
