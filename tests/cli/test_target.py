"""A command that is typed while `tidegate up &` still starts waits for it, and nothing else is waited for."""

from __future__ import annotations

import socket

from tidegate.cli import target
from tidegate.cli.target import await_start


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_control_that_starts_is_waited_for(monkeypatch, capsys):
    listening = socket.socket()
    port = free_port()

    def start(_: float) -> None:
        monkeypatch.undo()
        listening.bind(("127.0.0.1", port))
        listening.listen()

    monkeypatch.setattr(target.time, "sleep", start)
    with listening:
        await_start(f"http://127.0.0.1:{port}")
        said = capsys.readouterr().err
        assert said == f"nothing listens at http://127.0.0.1:{port} yet; waiting 10 s for it to start\n"
        await_start(f"http://127.0.0.1:{port}")
        assert capsys.readouterr().err == ""


def test_patience_ends(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(target.time, "monotonic", lambda: float(sum(slept)))
    monkeypatch.setattr(target.time, "sleep", slept.append)
    await_start(f"http://localhost:{free_port()}", patience=1.0)
    assert round(sum(slept)) == 1


def test_another_machine_is_asked_at_once(monkeypatch):
    monkeypatch.setattr(target.socket, "create_connection", None)  # would raise TypeError
    await_start("https://tidegate.example:7401")
    await_start("http://192.0.2.1:7401")
