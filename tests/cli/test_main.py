"""The console script as processes meet it: streams, signals, terminals."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from tests.cli.running import clean_environ, read_document, serving, start, write_bundle
from tests.cli.running import tidegate as command

import tidegate

HEAVY = ("sqlalchemy", "fastapi", "uvicorn", "httpx2", "msgspec", "rich.console", "tidegate.client", "tidegate.config")


def test_its_version(tmp_path):
    process = start("--version", cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.communicate(timeout=120)[0] == f"tidegate {tidegate.__version__}\n".encode()
    assert process.returncode == 0
    assert command("--version").out == command("version").out == f"tidegate {tidegate.__version__}\n"
    assert command("version", "--json").json == {"version": tidegate.__version__}


def test_composing_the_commands_imports_nothing_heavy():
    code = f"import sys, tidegate.cli.app as a; a.make_app(); print([m for m in {HEAVY!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_a_reader_that_goes_away_is_met_quietly(tmp_path):
    process = start("schema", "config", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # before anything is written
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(120) == 141


def test_ctrl_c_ends_a_watch_quietly_with_130(installation, tmp_path):
    process = start(
        "status", "-w", "--url", installation.control, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command("push", write_bundle(tmp_path, "watched", "good"), "--url", installation.control)
    assert process.stdout.readline()  # it shows the services
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, b"")


def test_a_watch_gives_one_json_document_a_line(installation, tmp_path):
    import json

    command("push", write_bundle(tmp_path, "watched", "good"), "--url", installation.control)
    words = ("status", "watched", "-w", "--json", "--url", installation.control)
    process = start(*words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert json.loads(process.stdout.readline())["freeze"] is None
        command("freeze", "watched", "--reason", "look", "--url", installation.control)
        assert json.loads(process.stdout.readline())["freeze"]["reason"] == "look"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    command("unfreeze", "watched", "--url", installation.control)


@pytest.mark.parametrize(("variables", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals_that_want_it(tmp_path, variables, is_coloured):
    leader, follower = pty.openpty()
    environ = clean_environ(TERM="xterm-256color", **variables)
    words = [sys.executable, "-m", "tidegate", "psuh"]
    process = subprocess.Popen(words, cwd=tmp_path, env=environ, stdout=follower, stderr=follower)
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 4096):
            seen += chunk
    except OSError:  # the terminal closed with its last user
        pass
    os.close(leader)
    assert process.wait(120) == 2
    assert b"error:" in seen
    assert (b"\x1b[1;31m" in seen) is is_coloured


def test_control_and_gateway_run_apart(here):
    (here / "tidegate.yaml").write_text('listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}\n')
    with (
        serving("control", cwd=here) as (_, control),
        serving("gateway", "--control", control["control"], "--id", "gw-7", cwd=here),
    ):
        for _ in range(200):
            gateways = command("gateways", "--url", control["control"], "--json")
            if gateways.code == 0 and gateways.json["gateways"]:
                break
            time.sleep(0.05)
        assert [each["id"] for each in gateways.json["gateways"]] == ["gw-7"]


def test_what_init_writes_starts_can_be_pushed_and_released_and_stops_on_ctrl_c(here):
    assert command("init", "--provider", "simulator", "--service", "first").code == 0
    text = (here / "tidegate.yaml").read_text()
    (here / "tidegate.yaml").write_text(text.replace(":7400", ":0").replace(":7401", ":0"))
    with serving("up", cwd=here) as (process, urls):
        pushed = command("push", "first", "--url", urls["control"], "--json").json
        assert pushed["ref"].startswith("first/v1.0.0-")
        assert pushed["warnings"] == []
        assert command("release", "first", "v1.0.0", "--url", urls["control"], "--json").json["phase"] == "pending"
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    assert command("status", "--url", urls["control"]).code == 1


def test_a_document_is_read_to_its_end():
    import io

    assert read_document(io.BytesIO(b'{\n  "a": 1\n}\nnext')) == {"a": 1}
