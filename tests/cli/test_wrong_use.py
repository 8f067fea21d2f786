"""Mistakes are told in one sentence on standard error: what, where, how to mend it."""

from __future__ import annotations

import pytest
from tests.cli.running import tidegate, write_bundle


def told(ran, code: int) -> str:
    """The one sentence of a command that failed."""
    assert ran.code == code, ran
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("error: ")
    return ran.err.removeprefix("error: ").rstrip("\n")


def test_a_control_that_does_not_run(here):
    sentence = told(tidegate("status", "--url", "http://127.0.0.1:1"), 1)
    assert "http://127.0.0.1:1" in sentence
    assert "`tidegate up`" in sentence


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "nobody"),
        ("history", "nobody"),
        ("versions", "nobody"),
        ("release", "nobody", "v1.0.0"),
        ("rollback", "nobody"),
        ("explain", "nobody"),
        ("promote", "rel_0000000000000000"),
        ("show", "nobody/v1.0.0"),
        ("requests", "show", "req_nobody"),
        ("why", "req_nobody"),
        ("freeze", "nobody", "--reason", "x"),
    ],
)
def test_what_does_not_exist_is_named(control, arguments):
    name = "rel_0000000000000000" if arguments[0] == "promote" else "nobody"
    assert name in told(tidegate(*arguments), 1)


def test_a_service_that_never_had_a_release_has_none_to_explain(control, here):
    tidegate("push", write_bundle(here, "silent", "good"))
    assert "tidegate release silent VERSION" in told(tidegate("explain", "silent"), 1)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("psuh",), "did you mean 'push'"),
        (("push",), "missing argument 'PATH' (see `tidegate push --help`)"),
        (("push", ".", "--bmup", "minor"), "--bump"),
        (("push", ".", "--bump", "huge"), "'huge' is not one of 'major', 'minor', 'patch', 'auto'"),
        (("wait", "x", "--for", "godot"), "promoted"),
        (("simulate", "--port", "70000"), "--port"),
        (("freeze", "--reason", "x"), "name one service, or --all"),
        (("freeze", "a", "--all", "--reason", "x"), "name one service, or --all"),
        (("freeze", "a"), "missing option '--reason'"),
        (("audit", "verify", "--head", "12"), "NO:HASH"),
        (("release", "a", "v1.0.0", "--wait", "--timeout", "soon"), "'soon' is not a duration"),
        (("release", "a", "v1.0.0", "--strategy", "dirct"), "did you mean 'direct'"),
        (("requests", "shw"), "shw"),
    ],
)
def test_wrong_words_exit_with_two(here, arguments, part):
    assert part.lower() in told(tidegate(*arguments), 2).lower()


def test_without_a_command_the_help_is_shown(here):
    ran = tidegate()
    assert (ran.code, ran.err) == (2, "")
    assert "Usage: tidegate" in ran.out


def test_a_bundle_that_is_missing_or_wrong_is_told_with_file_and_line(here):
    assert "nowhere" in told(tidegate("push", here / "nowhere"), 2)
    (here / "bad.yaml").write_text("kind: Bundle\nmodel: sim/good\npromt: {system: Hi}\n")
    sentence = told(tidegate("push", here / "bad.yaml", "--service", "a"), 2)
    assert "bad.yaml:3" in sentence
    assert "did you mean 'prompt'" in sentence
    (here / "bad.yaml").write_text("model: [\n")
    assert "bad.yaml:" in told(tidegate("push", here / "bad.yaml"), 2)


def test_a_number_and_a_bump_contradict_each_other(here):
    bundle = write_bundle(here, "a", "good")
    assert "contradict" in told(tidegate("push", bundle, "--version", "v1.0.0", "--bump", "minor"), 2)


def test_a_release_file_is_told_with_its_line(here):
    (here / "release.yaml").write_text('kind: Release\nguardrails:\n  - {metric: eror_rate, hard: "> 5%"}\n')
    sentence = told(tidegate("release", "a", "v1.0.0", "-f", here / "release.yaml"), 2)
    assert "release.yaml:3" in sentence
    assert "did you mean 'error_rate'" in sentence
    (here / "release.yaml").write_text("service: b\n")
    assert "speaks of service 'b'" in told(tidegate("release", "a", "v1.0.0", "-f", here / "release.yaml"), 2)


def test_a_release_without_a_version_needs_a_file_that_names_one(here):
    assert "which version?" in told(tidegate("release", "a"), 2)
    (here / "release.yaml").write_text("strategy: {canary: {}}\n")
    assert "which version?" in told(tidegate("release", "a", "-f", here / "release.yaml"), 2)


def test_a_configuration_is_told_with_its_line(here):
    (here / "tidegate.yaml").write_text("listen:\n  gatway: 127.0.0.1:1\n")
    sentence = told(tidegate("up"), 2)
    assert "tidegate.yaml:2" in sentence
    assert "did you mean 'gateway'" in sentence
    (here / "tidegate.yaml").write_text("services:\n  a:\n    stable: {promt: {}, model: a/b}\n")
    assert "tidegate.yaml:3: services.a.stable.promt" in told(tidegate("up"), 2)
    assert "none.yaml cannot be read" in told(tidegate("up", "-c", "none.yaml"), 1)


def test_a_taken_port_is_told_with_the_way_out(here):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (here / "tidegate.yaml").write_text(f'listen: {{gateway: "127.0.0.1:{port}", control: "127.0.0.1:0"}}\n')
        for command in ("up", "gateway"):
            assert f"cannot listen on 127.0.0.1:{port}" in told(tidegate(command), 1)


def test_a_strange_answer_is_not_blamed_on_the_caller(here):
    import http.server
    import threading

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            ran = tidegate("gateways", "--url", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert "something else than expected" in told(ran, 1)
