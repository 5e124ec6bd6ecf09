"""Move version labels under running servers in two steps: first the versions, and once they answer the labels.

In one step it would be refused: a server checks the labels of a new configuration before it loads what the same one
asks for, and takes nothing of it up while a label that it knows moves to a version that does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from serving.client.transport import is_loopback, public, split_http
from serving.config.config_files import find_model, replace, write_model_config
from serving.config.labels import load_beside, moved, relabel, unready
from serving.errors import Failure
from serving.proto.config_pb2 import ModelConfig

ASK_SECONDS = 0.2
"""How often a server is asked whether what is waited for has come."""

ELSEWHERE = "; expected a server that was started on this file, with --model-config-file, and reads it again"
"""What it means that a server does not know a label which the file has had for a while."""

DONE, FAILED = "", "failed:"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Servers that read the models.config: asked until all of them have what was written.

    Attributes:
        urls: their REST addresses.
        seconds: how long each of them may take for each step.
        say: is told what is waited for.
    """

    urls: Sequence[str]
    seconds: float
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        """Refuse an address that is none before anything waits for it."""
        for url in self.urls:
            split_http(url)

    def versions(self, model: str, numbers: Iterable[int]) -> None:
        """Wait until these versions are AVAILABLE.

        Raises:
            Failure: one did not load, or not in time.
        """
        for number in sorted(numbers):
            self._wait(f"version {number} of {model} is AVAILABLE", partial(_state_of_version, model, number))

    def labels(self, model: str, changes: Mapping[str, int | None]) -> None:
        """Wait until these labels lead to their versions.

        Raises:
            Failure: one did not in time.
        """
        for label, number in changes.items():
            if number is not None:
                self._wait(f"label {label} of {model} is version {number}", partial(_label_leads, model, label, number))

    def _wait(self, what: str, state: Callable[[str], str]) -> None:
        for url in self.urls:
            self.say(f"waiting until {what} at {public(url)}")
            deadline = time.monotonic() + self.seconds
            while (found := state(url.rstrip("/"))) != DONE:
                if time.monotonic() > deadline or found.startswith(FAILED):
                    hint = ELSEWHERE if "Unrecognized" in found else ""
                    where = f"{public(url)} was to say within {self.seconds:g} s that {what}"
                    raise Failure(f"{where}, and says: {found}{hint}")
                time.sleep(ASK_SECONDS)


def move_labels(
    path: Path,
    name: str,
    changes: Mapping[str, int | None],
    *,
    models: Path | None = None,
    watched: Watched | None = None,
) -> tuple[ModelConfig, list[int]]:
    """Change a model's labels in a models.config, each step of it written in one piece.

    Args:
        path: The models.config.
        name: The model.
        changes: The version by label; None takes the label away.
        models: The models folder as it is here; None: see find_model.
        watched: The servers, which are to follow each step. None: where two are needed, only the first is taken, and
            the same call takes the second.

    Returns:
        What the file now says of the model, and the versions that have to answer before the same call moves the labels.

    Raises:
        Failure: a label or a version is not there, or a server did not follow; the file is as it was then.
    """
    config, model, versions = find_model(path, name, models=models)
    wanted = ModelConfig()
    wanted.CopyFrom(model)
    relabel(wanted, changes, versions=versions)  # what cannot be is told before anything is written
    further = unready(model, changes, versions)
    with _put_back(path):
        if further:
            load_beside(model, further, versions)
            write_model_config(path, config)
            if watched is None:
                return model, further
        if watched:
            watched.versions(name, moved(model, changes))
        model.CopyFrom(wanted)
        write_model_config(path, config)
        if watched:
            watched.labels(name, changes)
    return model, []


@contextmanager
def _put_back(path: Path) -> Iterator[None]:
    """Have the file as it was when what is done meanwhile fails, or is interrupted."""
    before = path.read_text(encoding="utf-8")
    try:
        yield
    except BaseException as error:
        replace(path, before)
        if isinstance(error, Failure):
            raise Failure(f"{error}; {path} is as it was") from error
        raise


def _state_of_version(model: str, number: int, url: str) -> str:
    reply = _get(f"{url}/v1/models/{quote(model, safe='')}/versions/{number}")
    try:
        status = reply["model_version_status"][0]
        told = f"{status['state']} {status['status']['error_message']}".strip()
    except (KeyError, IndexError, TypeError):
        return str(reply.get("error", reply))
    if status["state"] == "AVAILABLE":
        return DONE
    return f"{FAILED} {told}" if status["state"] == "END" and status["status"]["error_code"] != "OK" else told


def _label_leads(model: str, label: str, number: int, url: str) -> str:
    reply = _get(f"{url}/v1/models/{quote(model, safe='')}/labels/{quote(label, safe='')}/metadata")
    try:
        found = reply["model_spec"]["version"]
    except (KeyError, TypeError):
        return str(reply.get("error", reply))
    return DONE if found == str(number) else f"version {found}"


def _get(url: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = not is_loopback(url)
        try:
            found = session.get(url, timeout=5).json()
        except (requests.RequestException, ValueError) as error:
            return {"error": f"no answer ({type(error).__name__})"}
    return found if isinstance(found, dict) else {"error": str(found)}
