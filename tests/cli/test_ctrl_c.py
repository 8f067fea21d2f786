"""A terminal sends Ctrl-C to every process of the group at once; only the parent may act on it."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil
import pytest
from tests.cli.running import start

CONFIGURATION = """
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
providers: {p: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}}
services: {s: {stable: {model: p/m}}}
"""


@pytest.mark.timeout(120)
def test_ctrl_c_in_a_terminal_stops_gateways_before_control_and_leaves_nothing(tmp_path):
    (tmp_path / "tidegate.yaml").write_text(CONFIGURATION)
    with (tmp_path / "log").open("wb") as log:
        process = start("up", "--json", cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        assert process.stdout is not None
        while process.stdout.readline().strip() != b"}":  # the addresses are printed once everything is ready
            assert process.poll() is None, (tmp_path / "log").read_text()
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.close()
        assert process.wait(120) == 0
    lines = (tmp_path / "log").read_text()
    assert lines.index("gateway.stopped") < lines.index("control.stopping"), lines
    assert len(children) == 2
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
