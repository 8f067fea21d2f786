"""The whole life of a service by the command line alone, against real processes."""

from __future__ import annotations

import json

import pytest
from tests.cli.running import FAST, WATCHED, tidegate, write_bundle


def test_a_service_from_its_first_version_over_a_broken_release_and_back(control, here):
    (here / "fast.yaml").write_text(FAST)
    (here / "watched.yaml").write_text(WATCHED)

    pushed = tidegate("push", write_bundle(here, "story", "good"), "--json")
    assert pushed.code == 0
    assert {"ref", "digest", "created"} <= pushed.json.keys()
    assert pushed.json["created"]
    assert pushed.json["ref"] == f"story/v1.0.0-{pushed.json['digest'][:8]}"
    first = pushed.json["ref"]
    assert tidegate("push", here / "story", "--json").json["created"] is False

    before = tidegate("status", "story", "--json").json
    assert before["service"] == "story"
    assert (before["stable"], before["release"]) == (None, None)

    released = tidegate("release", "story", "v1.0.0", "-f", here / "fast.yaml", "--wait", "--json")
    assert (released.code, released.err) == (0, "")
    assert released.json["phase"] in {"draining", "succeeded"}
    after = tidegate("status", "story", "--json").json
    assert after["stable"] == first
    assert {"id", "version", "phase", "step", "sub_phase", "weights", "pause_reasons", "verdict"} <= after[
        "release"
    ].keys()
    assert sum(after["release"]["weights"].values()) == 10_000

    write_bundle(here, "story", "better", "Be kind and brief.")
    second = tidegate("push", here / "story", "--bump", "minor", "--note", "briefer", "--json").json["ref"]
    assert second.startswith("story/v1.1.0-")
    difference = tidegate("diff", first, "v1.1.0")
    assert "+Be kind and brief." in difference.out.splitlines()
    with control.traffic("story") as statuses:
        promoted = tidegate("release", "story", "v1.1.0", "-f", here / "fast.yaml", "--wait", "--reason", "better")
    assert promoted.code == 0, promoted.err
    assert f"{second} is the stable version of story now." in promoted.out
    assert "promoting" in promoted.err  # progress goes to standard error
    assert set(statuses) == {200}

    answer = control.ask("story")
    assert answer.headers["x-tidegate-version"] == second
    why = _eventually(lambda: tidegate("why", answer.headers["x-request-id"]))
    assert f"{second} answered" in why.out
    shown = tidegate("requests", "show", answer.headers["x-request-id"], "--json").json
    assert (shown["served_version"], shown["outcome"]) == (second, "ok")
    assert tidegate("requests", "--service", "story", "--limit", 3, "--json").json["requests"]

    write_bundle(here, "story", "breaks")
    third = tidegate("push", here / "story", "--version", "v2.0.0", "--json").json["ref"]
    with control.traffic("story") as statuses:
        broken = tidegate("release", "story", "v2.0.0", "-f", here / "watched.yaml", "--wait", "--timeout", "50s")
    assert broken.code == 3, broken
    assert "rolled back" in broken.out
    assert set(statuses) == {200}  # stable rescued what the candidate broke
    assert tidegate("status", "story", "--json").json["stable"] == second

    incidents = tidegate("incidents", "--service", "story", "--json").json["incidents"]
    assert [each["service"] for each in incidents] == ["story"]
    assert {
        "id",
        "release",
        "trigger",
        "opened_at",
        "exposed_requests",
        "time_to_stable_seconds",
        "evidence",
    } <= incidents[0].keys()
    assert incidents[0]["trigger"] in tidegate("incidents").out
    assert tidegate("wait", incidents[0]["release"], "--for", "promoted", "--json").code == 3

    explained = tidegate("explain", "story")
    assert third in explained.out
    assert incidents[0]["id"] in explained.out
    versions = tidegate("versions", "story", "--json").json["versions"]
    assert [each["ref"] for each in versions] == [third, second, first]
    assert [each["is_stable"] for each in versions] == [False, True, False]

    back = tidegate("rollback", "story", "--reason", "complaints", "--json")
    assert (back.code, back.json["version"]) == (0, first)
    assert tidegate("abort", back.json["id"], "--reason", "enough seen").code == 0
    assert tidegate("wait", back.json["id"], "--timeout", "20s", "--json").code == 3

    history = tidegate("history", "story", "--json").json["releases"]
    assert [each["version"] for each in history] == [first, third, second, first]
    assert history[0]["actor"].count("@") == 1  # who did it, where control has no keys
    assert tidegate("audit", "verify").code == 0
    audit = tidegate("audit", "--subject", history[1]["id"], "--json").json["audit"]
    assert {row["subject"] for row in audit} == {history[1]["id"]}


def test_a_version_travels_as_an_archive(control, here):
    ref = tidegate("push", write_bundle(here, "archived", "good"), "--json").json["ref"]
    exported = tidegate("export", "archived/v1.0.0", "-o", here / "bot.tar", "--json")
    assert exported.json["bytes"] == (here / "bot.tar").stat().st_size > 0
    assert not (here / "bot.tar.part").exists()
    again = tidegate("import", here / "bot.tar", "--json").json
    assert (again["ref"], again["created"]) == (ref, False)
    assert tidegate("verify", "archived/v1.0.0", "--json").json["is_intact"]
    assert "sim/good" in tidegate("show", ref).out
    assert tidegate("card", ref).out.startswith(f"# {ref}\n")


def test_a_failed_export_leaves_no_file(control, here):
    assert tidegate("export", "nobody/v1.0.0", "-o", here / "bot.tar").code == 1
    assert list(here.iterdir()) == []


def test_a_freeze_holds_and_is_lifted(control, here):
    tidegate("push", write_bundle(here, "frozen", "good"))
    assert tidegate("freeze", "frozen", "--reason", "audit", "--json").json["scope"] == "frozen"
    assert tidegate("status", "frozen", "--json").json["freeze"]["reason"] == "audit"
    assert "frozen" in tidegate("status").out
    assert tidegate("unfreeze", "frozen", "--json").json == {"freezes": []}
    assert tidegate("status", "frozen", "--json").json["freeze"] is None


def test_files_are_applied_once_and_a_dry_run_changes_nothing(control, here):
    (here / "more.yaml").write_text(
        "kind: Service\nname: applied\n---\nkind: Bundle\nservice: applied\nmodel: sim/good\n"
    )
    planned = tidegate("apply", "-f", here / "more.yaml", "--dry-run", "--json").json
    assert [(each["kind"], each["action"]) for each in planned["changes"]] == [
        ("Service", "created"),
        ("Bundle", "created"),
    ]
    assert tidegate("status", "applied").code == 1
    assert [each["action"] for each in tidegate("apply", "-f", here / "more.yaml", "--json").json["changes"]] == [
        "created",
        "created",
    ]
    again = tidegate("apply", "-f", here / "more.yaml", "--json").json
    assert [each["action"] for each in again["changes"]] == ["unchanged", "unchanged"]


def test_a_paused_release_is_told_by_its_exit_code_and_goes_on(control, here):
    (here / "slow.yaml").write_text(WATCHED)
    tidegate("push", write_bundle(here, "paused", "good"))
    identifier = tidegate("release", "paused", "v1.0.0", "-f", here / "slow.yaml", "--json").json["id"]
    assert tidegate("pause", "paused", "--reason", "lunch").code == 0
    assert tidegate("wait", identifier, "--timeout", "20s", "--json").code == 4
    stale = tidegate("resume", identifier, "--if-match", 1)
    assert stale.code == 1
    assert "look again" in stale.err
    assert tidegate("resume", identifier).code == 0  # accepted; the controller does it when it comes to it
    while tidegate("status", "paused", "--json").json["release"]["pause_reasons"]:
        pass
    assert tidegate("wait", identifier, "--timeout", "0.2s", "--json").json["outcome"] == "timed_out"
    assert tidegate("abort", identifier).code == 0


@pytest.mark.parametrize("arguments", [("gateways",), ("keys", "list"), ("audit",), ("requests",), ("status",)])
def test_lists_are_one_json_document(control, arguments):
    ran = tidegate(*arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    (name,) = ran.json.keys()
    assert isinstance(ran.json[name], list)


def test_the_address_is_found_in_the_configuration_file_here(installation, here):
    address = installation.control.removeprefix("http://")
    (here / "tidegate.yaml").write_text(f'listen: {{control: "{address}"}}\n')
    assert tidegate("status").code == 0
    assert tidegate("status", "--url", "http://127.0.0.1:1").code == 1
    assert tidegate("--url", "http://127.0.0.1:1", "status").code == 1


def _eventually(ask):
    """Gateways report with a little delay."""
    import time

    for _ in range(100):
        ran = ask()
        if ran.code == 0:
            return ran
        time.sleep(0.1)
    raise AssertionError(json.dumps(ran._asdict()))
