"""The local server: TensorFlow Serving's REST and gRPC APIs over one repository, in one process.

Needs neither TensorFlow nor a network beyond its two ports; `serving.server.workers` runs several of these.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from serving.api.observer import AccessLog, Observer, access
from serving.api.predictor import Predictor
from serving.api.rest import RestApi
from serving.api.rpc import RpcApi
from serving.api.threads import Pools
from serving.engines import engine
from serving.engines.budget import Account, Budget
from serving.errors import Failure
from serving.hosting.platforms import Platform
from serving.hosting.platforms import sources as hosted_folder
from serving.hosting.routes import HostedRoutes
from serving.http.messages import Handler, Limits
from serving.http.server import HttpServer
from serving.printable import LineFormatter
from serving.repository.model_sources import Sources, from_config, from_folder, monitoring_path
from serving.repository.repository import Repository
from serving.server import memory, rpc_server
from serving.server.ports import address, listen
from serving.server.rpc_server import RpcLimits
from serving.version.find import no_versions

DRAIN_SECONDS = 10.0
"""How long requests in flight may take to finish once the server is told to end."""

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while others wait for it: the event loop asks several times a request."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What `triptych serve` is asked for; exactly one of ``models`` and ``model_config_file`` is set."""

    models: Path | None = None
    model_config_file: Path | None = None
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    engine: engine.Engine = "auto"
    workers: int = 1
    monitoring_config_file: Path | None = None
    batching: bool = True
    access_log: AccessLog = None
    platform: Platform | None = None
    poll_seconds: float = 1.0
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    rpc: RpcLimits = field(default_factory=RpcLimits)
    share_ports: bool = False

    def sources(self) -> Sources:
        """Return what lists the models to serve."""
        if self.model_config_file is not None:
            return from_config(self.model_config_file)
        return (from_folder if self.platform is None else hosted_folder)(self.models or Path("models"))


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Where a server answers, and how many models it has."""

    models: int
    host: str
    rest_port: int
    grpc_port: int

    def __str__(self) -> str:
        plural = "" if self.models == 1 else "s"
        return (
            f"serving {self.models} model{plural} on http://{address(self.host, self.rest_port)} (REST) "
            f"and {address(self.host, self.grpc_port)} (gRPC)"
        )


def run(config: Config, ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is called once the first request can be answered.

    Raises:
        Failure: there is nothing to serve, or a port is taken.
    """
    memory.share_arena()
    sys.setswitchinterval(SWITCH_SECONDS)
    runner: Callable[..., None] = asyncio.run
    if sys.platform != "win32":
        import uvloop

        runner = uvloop.run
    runner(_until_signalled(config, ready))


async def serve(config: Config, ready: Callable[[Ready], None], ending: asyncio.Event) -> None:
    """Serve on the running event loop until ``ending`` is set; see `run`."""
    observer = Observer(path=monitoring_path(config.monitoring_config_file), access_log=config.access_log)
    load = observer.loading(partial(engine.load, engine=config.engine))
    repository = Repository(config.sources(), load, poll_seconds=config.poll_seconds, unloaded=observer.unloaded)
    memory.freeze()
    with (
        listen(config.host, config.rest_port, share=config.share_ports) as listening,
        Pools.open() as pools,
    ):
        try:
            if not await _loaded(repository, ending):
                return
            if not repository.now.known():
                raise Failure(f"nothing to serve: {_nothing_found(config)}")
            account, metrics = Account(config.budget), observer.metrics
            predictor = Predictor(repository, pools, account, batching=config.batching, metrics=metrics)
            await _answer(config, predictor, observer, listening, ready, ending)
        finally:
            repository.stop()


async def _loaded(repository: Repository, ending: asyncio.Event) -> bool:
    """Load what there is to serve; tell whether that was done before the end was called for."""
    loading, told = asyncio.wrap_future(repository.start()), asyncio.ensure_future(ending.wait())
    await asyncio.wait((loading, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if loading.done():
        loading.result()
    loading.cancel()
    return not ending.is_set()


def _nothing_found(config: Config) -> str:
    if config.model_config_file is None:
        return no_versions(config.models or Path("models"))
    return f"none under the base paths that {config.model_config_file} names; `triptych train` publishes one"


async def _answer(
    config: Config,
    predictor: Predictor,
    observer: Observer,
    listening: socket.socket,
    ready: Callable[[Ready], None],
    ending: asyncio.Event,
) -> None:
    """Open both ports, say so, and close them when all that was begun is answered."""
    rest_api: Handler = RestApi(predictor, observer, body_limit=config.limits.body)
    if config.platform:
        rest_api = HostedRoutes(rest_api, config.platform, predictor.repository)
    http = HttpServer(rest_api, config.limits)
    rest = await asyncio.get_running_loop().create_server(http.protocol, sock=listening, backlog=2048)
    place, api = address(config.host, config.grpc_port), RpcApi(predictor, observer)
    rpc, healthy, grpc_port = await rpc_server.start(place, api, config.rpc, share=config.share_ports)
    models, port = len(predictor.repository.now.models()), listening.getsockname()[1]
    ready(Ready(models=models, host=config.host, rest_port=port, grpc_port=grpc_port))
    tidying = asyncio.create_task(memory.keep_low(predictor.account, http))
    await ending.wait()
    tidying.cancel()
    await healthy.enter_graceful_shutdown()
    rest.close()
    await asyncio.gather(http.drain(DRAIN_SECONDS), rpc.stop(DRAIN_SECONDS))


async def _until_signalled(config: Config, ready: Callable[[Ready], None]) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await serve(config, ready, ending)


def set_up_logging(*, access_log: AccessLog) -> None:
    """Send log lines to stderr: warnings always, loads and unloads, and each request if asked for, as text or JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    access.setLevel(logging.INFO if access_log else logging.WARNING)
    if access_log == "json" and access.propagate:  # whole lines of JSON, which carry their own time
        access.propagate = False
        access.addHandler(logging.StreamHandler())
