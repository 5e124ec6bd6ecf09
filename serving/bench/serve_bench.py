"""Measure servers that speak TensorFlow Serving's APIs: what each answers at 1, 8 and 32 clients, and their ratio."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence

from serving.bench.load_generator import Load, load_grpc, load_rest
from serving.client.client import Client
from serving.client.grpc import predict_request
from serving.client.rest import predict_path
from serving.client.transport import Arrays, Target, array
from serving.contract import DEFAULT_K, PADDING
from serving.errors import Failure

CLIENTS = (1, 8, 32)

_RECOMMEND: Arrays = {
    "k": array([DEFAULT_K], "int32"),
    "exclude": array([[PADDING]], "string"),
    "unseen": array([False], "bool"),
}
_ANY = array([[PADDING]], "string")

INPUTS: dict[str, Arrays] = {
    "serving_default": {},
    "recommend": _RECOMMEND,
    "recommend_within": {**_RECOMMEND, "among": _ANY, "tags": _ANY},
}
"""What a request for one user gives beside the user, by signature."""

HEADING = "clients requests/s   p50 ms   p99 ms  errors generator  server"


def measure(
    servers: Sequence[str],
    *,
    model: str,
    signature: str,
    tags: Sequence[str] = (),
    users: int,
    seconds: float,
    on_load: Callable[[Load], None],
) -> list[Load]:
    """Load each server at each number of clients, one after the other.

    Args:
        servers: http://HOST:PORT or grpc://HOST:PORT.
        model: The model's name, on all of them.
        signature: One of INPUTS.
        tags: What `recommend_within` asks of every item; none: nothing.
        users: The users asked for are 1 to this, round and round, each in a request of its own.
        seconds: How long each run is counted.
        on_load: Told of each run when it ends.

    Raises:
        Failure: a server does not answer, or not as the contract says; or tags are asked of another signature.
    """
    if tags and "tags" not in INPUTS[signature]:
        raise Failure(f"tags {', '.join(tags)} asked of {signature}, expected them with --signature recommend_within")
    for server in servers:
        with Client(server, model=model) as client:
            _ask_once(client, signature, tags)
    inputs = {**INPUTS[signature], **({"tags": array([list(tags)], "string")} if tags else {})}
    asked = [{"user_id": array([str(user)], "string"), **inputs} for user in range(1, users + 1)]
    rest, rpc = _rest_requests(signature, asked), _grpc_requests(model, signature, asked)
    path = predict_path(Target(model=model))
    loads = []
    for clients, server in itertools.product(CLIENTS, servers):
        if server.startswith("grpc://"):
            loads.append(load_grpc(server, rpc, clients=clients, seconds=seconds))
        else:
            loads.append(load_rest(server, path, rest, clients=clients, seconds=seconds))
        on_load(loads[-1])
    return loads


def ratios(loads: Sequence[Load]) -> list[tuple[int, float, float, float]]:
    """Compare the first server with the second at each number of clients: how many times its rate, p50 and p99."""
    first, second = loads[::2], loads[1::2]
    return [(a.clients, a.rate / b.rate, a.p50 / b.p50, a.p99 / b.p99) for a, b in zip(first, second, strict=True)]


def describe(load: Load) -> str:
    """Write one run as a line under HEADING; 90 % of a core and the generator is what was measured."""
    mark = "  the generator is at its limit" if load.generator > 0.9 else ""
    numbers = f"{load.clients:>7} {load.rate:>10,.0f} {load.p50:>8.2f} {load.p99:>8.2f} {load.errors:>7}"
    return f"{numbers} {load.generator:>9.0%}  {load.server}{mark}"


def _ask_once(client: Client, signature: str, tags: Sequence[str]) -> None:
    """Ask as a client does, which says what is wrong with a server in a sentence."""
    if signature == "serving_default":
        client.top(["1"])
    else:
        client.recommend(["1"], tags=list(tags) or ([""] if signature == "recommend_within" else ()))


def _rest_requests(signature: str, asked: Sequence[Arrays]) -> list[bytes]:
    """Write rows, as most people do: an object each, or the bare value where it is the only input."""
    rows = [{name: column.tolist()[0] for name, column in inputs.items()} for inputs in asked]
    bodies = [{"signature_name": signature, "instances": [row if len(row) > 1 else row["user_id"]]} for row in rows]
    return [json.dumps(body).encode() for body in bodies]


def _grpc_requests(model: str, signature: str, asked: Sequence[Arrays]) -> list[bytes]:
    return [predict_request(Target(model=model), signature, inputs).SerializeToString() for inputs in asked]
