"""What ``deploy/monitoring`` ships fits what the product serves; Prometheus' own tools check the rest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.monitoring.pages import metric_names

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = yaml.safe_load((FOLDER / "tidegate.rules.yml").read_text())
BOARDS = sorted((FOLDER / "grafana").glob("*.json"))
_NAME = re.compile(r"\b((?:service|version):[a-z0-9_:]+|(?:tidegate|process)_[a-z0-9_]+)\b(?!=)")


def rules(kind: str) -> list[dict]:
    return [rule for group in RULES["groups"] for rule in group["rules"] if kind in rule]


def named_in(expression: str) -> set[str]:
    """Metrics of an expression; quoted label values are none."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', expression)))


async def test_every_name_in_rules_and_dashboards_exists(tmp_path):
    known = await metric_names(tmp_path) | {rule["record"] for rule in rules("record")}
    asked = {"the rules": {name for group in RULES["groups"] for r in group["rules"] for name in named_in(r["expr"])}}
    for board in BOARDS:
        panels = json.loads(board.read_text())["panels"]
        asked[board.name] = {name for p in panels for target in p["targets"] for name in named_in(target["expr"])}
    assert all(asked.values()), "each asks for something"
    assert {where: names - known for where, names in asked.items()} == {where: set() for where in asked}


def test_every_alert_says_what_to_do_and_is_tried_out():
    tried = (FOLDER / "tidegate.rules.test.yml").read_text()
    for rule in rules("alert"):
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "remedy"}
        assert f"alertname: {rule['alert']}\n" in tried


def test_dashboards_are_told_apart_and_take_any_prometheus():
    boards = [json.loads(board.read_text()) for board in BOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) == 3
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)")
@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "tidegate.rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "tidegate.rules.test.yml"),
    ],
    ids=" ".join,
)
def test_prometheus_itself_agrees(command):
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed (Debian: prometheus-alertmanager)")
def test_alertmanager_itself_agrees():
    command = ["amtool", "check-config", "alertmanager.yml"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
