"""What is read about releases and done after them, as people type it."""

from __future__ import annotations

from tests.cli.running import FAST, tidegate, write_bundle


def test_what_is_told_of_a_release_before_and_after_it(control, here):
    service = "ops-bot"
    first = write_bundle(here, service, "good")
    (here / "fast.yaml").write_text(FAST + "gates:\n  - {command: 'echo ready', name: smoke}\nservice: ops-bot\n")
    assert tidegate("apply", "-f", write_service(here, service)).code == 0
    pushed = tidegate("push", first, "--json").json
    spec = here / "fast.yaml"
    assert tidegate("release", service, "v1.0.0", "-f", spec, "--wait", "--timeout", "60s").code == 0
    write_bundle(here, service, "better", system="Be brief.")
    second = tidegate("push", first, "--bump", "patch", "--json").json
    released = tidegate("release", service, second["ref"], "-f", spec, "--wait", "--timeout", "60s", "--json")
    assert released.code == 0, tidegate("explain", service).out
    explained = tidegate("explain", service).out
    assert f"brings {second['ref']} to {service} by direct" in explained
    assert "Gate smoke passed: it exited with 0." in explained
    checklist = tidegate("checklist", service).out
    assert "✔ smoke passes: it exited with 0" in checklist
    assert "After" in checklist
    report = tidegate("report", service).out
    assert report.startswith("# Release rel_")
    assert "## Evidence" in report
    assert tidegate("report", service, "--json").json["explanation"]["release"]["service"] == service
    targets = tidegate("rollback", service, "--list").out
    assert pushed["ref"] in targets
    assert tidegate("incidents", "--service", service).out == "No incidents.\n"
    assert tidegate("incidents", "show", "inc_0").code == 1
    assert tidegate("notifications").code == 0


def write_service(here, service):
    file = here / "service.yaml"
    file.write_text(f"services:\n  {service}: {{}}\n")
    return file
