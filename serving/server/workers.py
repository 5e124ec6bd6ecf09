"""Several server processes on the same two ports: started, watched, replaced when one dies, drained together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from serving.errors import Failure
from serving.server import server
from serving.server.ports import listen
from serving.server.server import Config, Ready

START_SECONDS = 120.0
STEP_SECONDS = 0.1
STOP_SECONDS = 5.0
RESTART_SECONDS = 1.0
"""A worker that died is replaced after this pause, so that one which cannot live does not keep a core busy."""

log = logging.getLogger("triptych.workers")


def run(config: Config, ready: Callable[[Ready], None]) -> None:
    """Serve with ``config.workers`` processes until SIGTERM or SIGINT; each polls and loads the models for itself.

    The kernel deals new connections out among them (SO_REUSEPORT).

    Raises:
        Failure: a port is taken, or the first worker cannot start.
    """
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()

    previous = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    with tempfile.TemporaryDirectory(prefix="triptych-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read by prometheus_client when a worker imports it
        # Held, but not listened on, by this process: they keep the ports between one worker's death and the next.
        rest = _reserve(config.host, config.rest_port, "--rest-port")
        rpc = _reserve(config.host, config.grpc_port, "--grpc-port")
        try:
            ports = {"rest_port": rest.getsockname()[1], "grpc_port": rpc.getsockname()[1]}
            _supervise(replace(config, workers=1, share_ports=True, **ports), config.workers, ready, ending)
        finally:
            rest.close()
            rpc.close()
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]
            for number, handler in previous.items():
                signal.signal(number, handler)


def _reserve(host: str, port: int, flag: str) -> socket.socket:
    listen(host, port, share=False, flag=flag).close()  # a sharing socket alone would not notice another server
    return listen(host, port, share=True, flag=flag)


def _supervise(config: Config, count: int, ready: Callable[[Ready], None], ending: threading.Event) -> None:
    workers = [_Worker(config) for _ in range(count)]
    try:
        states = [worker.started(ending) for worker in workers]
        if states[0] and not ending.is_set():
            ready(states[0])
        while not ending.is_set():
            wait([worker.process.sentinel for worker in workers], timeout=0.2)
            for number, worker in enumerate(workers):
                if worker.process.exitcode is not None and not ending.wait(RESTART_SECONDS):
                    log.error(
                        "worker %d ended with status %s: starting another", worker.process.pid, worker.process.exitcode
                    )
                    workers[number] = _Worker(config)
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(server.DRAIN_SECONDS + 5)
            worker.process.kill()


class _Worker:
    """One server process and the pipe it reports on."""

    def __init__(self, config: Config) -> None:
        context = multiprocessing.get_context("spawn")  # fork would copy gRPC's and ONNX Runtime's threads half
        self._reports, theirs = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(target=_work, args=(config, theirs), name="worker")
        resource_tracker.ensure_running()  # started with the process, it would unblock what is blocked here
        # Ctrl-C reaches all processes of a terminal: it is this one's to end the workers, also while they import.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()

    def started(self, ending: threading.Event) -> Ready | None:
        """Wait until the worker answers; return where, None if the end comes first."""
        latest = time.monotonic() + START_SECONDS
        while not self._reports.poll(STEP_SECONDS) and not ending.is_set():
            if time.monotonic() > latest:
                raise Failure(f"worker {self.process.pid} did not start within {START_SECONDS:.0f} s")
        if ending.is_set():
            return None
        try:
            report = self._reports.recv()
        except EOFError:
            self.process.join(STOP_SECONDS)
            report = f"worker {self.process.pid} ended with status {self.process.exitcode} before it answered"
        if isinstance(report, Ready):
            return report
        raise Failure(report)


def _work(config: Config, reports: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the server sets its own handler
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    server.set_up_logging(access_log=config.access_log)
    threading.Thread(target=_end_with_parent, name="orphaned", daemon=True).start()
    try:
        server.run(config, reports.send)
    except (Failure, OSError) as failure:
        reports.send(str(failure))
        raise SystemExit(1) from None


def _end_with_parent() -> None:
    """Drain when the supervising process is gone, however it went: nobody else would ever end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
