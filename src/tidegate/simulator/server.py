"""The simulator on a socket: in a test's event loop, or as a process of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import uvloop

from tidegate.errors import OperatorError
from tidegate.simulator.beats import encode
from tidegate.simulator.connection import Connection, Response
from tidegate.simulator.control import PREFIX, control, patch_model
from tidegate.simulator.document import check_scenario, scenario_from
from tidegate.simulator.journal import Inbound, RecordedRequest
from tidegate.simulator.scenario import Behaviour, Scenario
from tidegate.simulator.script import plain
from tidegate.simulator.simulation import Now, Simulation

_OUTAGE_DELAY_SECONDS = 0.05  # the answer to the one who asked for it goes out first


class Simulator:
    """A scriptable model server that speaks both dialects.

    ``async with Simulator({"models": {"*": {"answer": "yes"}}}) as sim:`` serves at ``sim.url``.

    Args:
        scenario: what to serve: a `Scenario`, or its plain values; None: every model echoes.
        host: address to listen on.
        port: 0 takes a free one.

    Raises:
        InvalidInputError: the plain values are no scenario.
    """

    def __init__(
        self, scenario: Scenario | Mapping[str, Any] | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._given = _scenario(scenario)
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._reopening: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._simulation = Simulation(self._given, self._loop.time())
        await self.start_listening()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reopening:
            self._reopening.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stop_listening()

    @property
    def url(self) -> str:
        """Where it serves, without a path: ``http://127.0.0.1:PORT``. OpenAI clients append ``/v1``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def port(self) -> int:
        """The port it serves at; kept over an outage."""
        return self._port

    @property
    def scenario(self) -> Scenario:
        """What is served now, patches included."""
        return self._simulation.scenario

    @property
    def requests(self) -> list[RecordedRequest]:
        """The last requests to models, oldest first; at most the scenario's ``keep_requests``."""
        return list(self._simulation.journal.requests)

    def stats(self) -> dict[str, Any]:
        """The counts that ``GET /simulator/stats`` gives."""
        return self._simulation.journal.stats()

    def use(self, scenario: Scenario | Mapping[str, Any]) -> None:
        """Serve another scenario from now on; models count their requests anew."""
        self._simulation.use(_scenario(scenario), self._loop.time())

    def patch(self, model: str, **settings: Any) -> Behaviour:
        """Merge settings into one model's behaviour, as ``PATCH /simulator/models/NAME`` does."""
        return patch_model(self._simulation, model, settings, self._loop.time())

    def reset(self) -> None:
        """Forget all requests and counts; keep the scenario."""
        self._simulation.reset(self._loop.time())

    async def start_listening(self) -> None:
        """Accept connections, at the same port as before if there was one.

        Raises:
            OperatorError: the address is taken or does not exist.
        """
        if self._server is not None:
            return
        try:
            self._server = await self._loop.create_server(
                lambda: Connection(self._respond, self._connections), self._host, self._port, reuse_address=True
            )
        except OSError as error:
            raise OperatorError(
                f"The simulator cannot listen: {error.strerror or error}.",
                where=f"{self._host}:{self._port}",
                remedy="choose another port or address",
            ) from None
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Refuse connections and drop those there are; the state stays."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        winding_up = [connection.abort() for connection in tuple(self._connections)]
        await asyncio.gather(*(task for task in winding_up if task), return_exceptions=True)
        await server.wait_closed()

    def _respond(self, inbound: Inbound) -> Response:
        if inbound.path == "/healthz":
            return Response(plain(200, b'{"status":"ok"}'), lambda _: None)
        now = self._loop.time()
        if inbound.path.startswith(PREFIX):
            status, document = control(self._simulation, inbound, now, self._plan_outage)
            return Response(plain(status, encode(document)), lambda _: None)
        journal = self._simulation.journal
        inbound.path = inbound.path.partition("?")[0]
        entry = journal.open(inbound)
        script = self._simulation.respond(inbound, entry, Now(now, datetime.now(UTC)))
        return Response(script, lambda outcome: journal.close(entry, outcome))

    def _plan_outage(self, seconds: float) -> None:
        def later(delay: float, act: Callable[[], Any]) -> asyncio.TimerHandle:
            return self._loop.call_later(delay, lambda: self._keep(self._loop.create_task(act())))

        def begin() -> Any:
            self._reopening = later(seconds, self.start_listening)
            return self.stop_listening()

        if self._reopening:
            self._reopening.cancel()
        self._reopening = later(_OUTAGE_DELAY_SECONDS, begin)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def serve(
    scenario: Scenario, host: str = "127.0.0.1", port: int = 0, on_ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve a scenario until SIGTERM or SIGINT; blocks.

    Args:
        scenario: what to serve.
        host: address to listen on.
        port: 0 takes a free one.
        on_ready: called with the URL once connections are accepted.

    Raises:
        OperatorError: the address is taken or does not exist.
    """

    async def run() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a child leaves Ctrl-C to its parent
            loop.add_signal_handler(signal.SIGINT, stopped.set)
        async with Simulator(scenario, host=host, port=port) as simulator:
            on_ready(simulator.url)
            await stopped.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def _scenario(given: Scenario | Mapping[str, Any] | None) -> Scenario:
    if isinstance(given, Scenario):
        return check_scenario(given)
    return Scenario() if given is None else scenario_from(dict(given))
