"""What surrounds a release: programs that gates run, a hook that is told, alerts, and who approves."""

from __future__ import annotations

import os
import sys

import msgspec
from tests.scenarios.world import World

from tidegate.controller.intents import Actor
from tidegate.controller.programs import ProgramSettings
from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.notifying import SinkSettings

PROGRAMS = ProgramSettings(is_enabled=True, environment={"PATH": os.defpath})
SINKS = (SinkSettings(name="hook", webhook="https://hooks.example/", secret="s3cret"),)
ALERTS = AlertSettings(enabled=True)
MANAGER = Actor(name="mary", roles=("approver", "release-manager"))
APPROVED = {
    "canary": {
        "steps": [
            {"split": "20%", "soak": "5s"},
            {"approve": "release-manager", "timeout": "1h"},
            {"split": "50%", "soak": "5s"},
        ]
    }
}
SURROUNDED = {"programs": PROGRAMS, "sinks": SINKS, "alerts": ALERTS}
LOOSE = {"on_no_data": "promote", "min_samples": 1}


def python(code: str) -> str:
    return f'"{sys.executable}" -c "{code}"'


async def deliver(world: World) -> list[dict]:
    """Let the notifier work, and give what the hook was told."""
    await world.control.notifier.deliver_due("hook")
    return [msgspec.json.decode(request.content) for request in world.told if request.url.host == "hooks.example"]


async def serve_all(world: World) -> None:
    for gateway in world.gateways:
        await gateway.serve("bot", 60)
