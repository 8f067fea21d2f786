"""Runs commands, in this process or as one of their own, against an installation over simulated models."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, NamedTuple

import httpx2

from tidegate.cli.app import make_app
from tidegate.cli.failures import guarded

SCENARIO = """
models:
  good: {answer: "Good day."}
  better: {answer: "Better day."}
  breaks: {answer: "Bad day.", faults: [{kind: error, status: 500, after_requests: 5}]}
"""
CONFIGURATION = """
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
providers:
  sim: {{dialect: openai, base_url: "{simulator}/v1"}}
services:
  shop-bot: {{}}
"""


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


def tidegate(*arguments: object) -> Ran:
    """Run a command in this process, as the console script would."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        words = [str(each) for each in arguments]
        code = guarded(lambda: make_app()(words, prog_name="tidegate", standalone_mode=False))
    return Ran(code, out.getvalue(), err.getvalue())


def start(*arguments: object, cwd: Any, **more: Any) -> subprocess.Popen[bytes]:
    """A command as a process of its own, which Ctrl-C reaches."""
    words = [sys.executable, "-m", "tidegate", *map(str, arguments)]
    with _hearing_ctrl_c():
        return subprocess.Popen(words, cwd=cwd, env=clean_environ(), **more)


@contextmanager
def _hearing_ctrl_c():
    """A process that ignores a signal, as everything below ``nohup`` does, hands that on; handlers it keeps to itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def serving(*arguments: object, cwd: Any):
    """A command that serves, as a process of its own; gives what it announced."""
    with (cwd / "log").open("ab") as log:
        process = start(*arguments, "--json", cwd=cwd, stdout=subprocess.PIPE, stderr=log)
    try:
        yield process, read_document(process.stdout)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait(120)
        process.stdout.close()


def read_document(stream: Any) -> Any:
    """The indented JSON document that stands next in a stream."""
    lines = []
    for line in iter(stream.readline, b""):
        lines.append(line)
        if line == b"}\n":
            return json.loads(b"".join(lines))
    raise AssertionError(f"it ended after {b''.join(lines)!r}")


def clean_environ(**more: str) -> dict[str, str]:
    """This process's environment without what would lead commands elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")} | more


class Installation(NamedTuple):
    gateway: str
    control: str

    def ask(self, service: str, user: str = "ann") -> httpx2.Response:
        body = {"model": service, "user": user, "messages": [{"role": "user", "content": "Hello"}]}
        return httpx2.post(f"{self.gateway}/v1/chat/completions", json=body, timeout=120, trust_env=False)

    @contextmanager
    def traffic(self, service: str):
        """Users that ask one after another until the block ends; gives the answers' statuses."""
        statuses: list[int] = []
        is_over = threading.Event()

        def go_on() -> None:
            while not is_over.wait(0.02):
                statuses.append(self.ask(service, user=f"user-{len(statuses)}").status_code)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield statuses
        finally:
            is_over.set()
            thread.join(20)


def write_bundle(folder: Any, service: str, model: str, system: str = "Be kind.") -> Any:
    """A bundle directory."""
    root = folder / service
    (root / "prompt").mkdir(parents=True, exist_ok=True)
    (root / "bundle.yaml").write_text(f"kind: Bundle\nservice: {service}\nmodel: sim/{model}\n")
    (root / "prompt/system.txt").write_text(f"{system}\n")
    return root


FAST = "kind: Release\nstrategy: {direct: {promote: {bake: 1s, keep_warm: 0s, drain: 5s}}}\n"
WATCHED = "kind: Release\nstrategy: {direct: {promote: {bake: 20s, drain: 5s}}}\n"
