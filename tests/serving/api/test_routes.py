"""Targets are read the same whether they are remembered or not, and only short ones are remembered."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from serving.api import routes
from serving.wire.error_codes import Refusal

MB = 1 << 20


def refused(method, target):
    with pytest.raises(Refusal) as caught:
        routes.route(method, target)
    return caught.value.message


def test_long_targets_of_strangers_are_not_kept():
    long = b"y" * 63_000
    routes.route(b"GET", b"/v1/models/first")
    tracemalloc.start()
    try:
        for turn in range(500):
            target = b"/v1/models/x%d" % turn + long
            assert routes.split(target) == (target, target)
            assert routes.route(b"GET", target).model == f"x{turn}" + long.decode()
            assert routes.route(b"POST", target + b":predict").verb == "predict"
            assert refused(long[:600] + b"%d" % turn, target[:40]).startswith("Malformed request: yyy")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MB


@pytest.mark.parametrize("path", [b"/v1/models/m", b"/v1/models/m/versions/7", b"/v1/models/m/labels/new"])
def test_a_target_is_read_alike_at_the_bound_and_beyond_it(path):
    found = []
    for length in (0, routes.REMEMBERED - len(path) - 3, 2 * routes.REMEMBERED):
        target = path.replace(b"models/m", b"models/m" + b"m" * length)
        route = routes.route(b"GET", target)
        found.append((route.verb, route.version, route.label))
        assert route.model == "m" + "m" * length
    assert found == [found[0]] * 3


@pytest.mark.parametrize("ending", [b'"', b"%zz", b"?x#y", b""])
def test_a_long_target_is_read_in_one_go_however_its_host_could_be_divided(ending):
    target = b"http://" + b"a" * 30_000 + b"/" + b"b" * 30_000 + ending
    start = time.thread_time()
    found = routes.split(target)
    assert time.thread_time() - start < 1
    path = target[30_007:]
    assert found == (None if ending in (b'"', b"%zz") else (path.removesuffix(b"?x#y"), path))
