"""A whole product with keys, and browsers that people of each role sit at."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tidegate.client import Client

CHROMIUM = "/usr/bin/chromium"
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60_000  # milliseconds; a guard against hanging, not a promise
KEYS = {role: f"{role}-of-the-browser-tests" for role in ("admin", "operator", "approver", "viewer")}
MODELS = """
models:
  good: {answer: "Good day.", first_token_seconds: 0.02, token_seconds: 0.001}
  better: {answer: "Better day.", first_token_seconds: 0.01, token_seconds: 0.001}
"""
EVIL = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"


def configuration(simulator: str) -> str:
    """Of the product under test; every key may send requests too."""
    keys = "".join(f'  - {{name: {role}, key: "{key}", roles: [{role}, invoke]}}\n' for role, key in KEYS.items())
    return (
        'listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}\n'
        f'providers: {{sim: {{dialect: openai, base_url: "{simulator}/v1"}}}}\nkeys:\n{keys}'
    )


class Product:
    """The running product, and what a test needs of it."""

    def __init__(self, gateway: str, control: str) -> None:
        self.gateway = gateway
        self.control = control
        self.admin = Client(control, KEYS["admin"])

    def service(self, name: str) -> str:
        """A service with a stable version and another one to release; the full name of that."""
        self.admin.push(bundle("good", "Be kind."), service=name, version="v1.0.0")
        first = self.admin.release(name, "v1.0.0", spec={"strategy": "direct", "probe": {"requests": 1}, **_quick()})
        self.admin.wait(first.id, timeout=60)
        return self.admin.push(bundle("better", "Be kind and brief."), service=name, version="v1.1.0").ref

    def canary(self, name: str, *steps: dict[str, Any], **more: Any) -> str:
        """A canary of v1.1.0; the id of its release."""
        spec = {
            "strategy": {"canary": {"steps": list(steps), "promote": {"bake": "1s", "keep_warm": "0s", "drain": "2s"}}},
            "probe": {"requests": 1},
            "assignment": {"unit": "request"},
            "guardrails": [{"metric": "error_rate", "hard": "> 50%"}],
            "analysis": {"interval": "500ms", "min_samples": 2, "on_no_data": "extend", "max_extensions": 20},
            **more,
        }
        return self.admin.release(name, "v1.1.0", spec=spec, reason="brief answers").id

    def experiment(self, name: str) -> str:
        """An A/B test of v1.1.0 that goes on; the id of its release."""
        spec = {
            "strategy": {"ab_test": {"horizon": "1h"}},
            "probe": {"requests": 1},
            "assignment": {"unit": "request"},
            "objectives": [{"metric": "latency"}],
            "guardrails": [{"metric": "error_rate", "hard": "> 50%"}],
            "analysis": {"interval": "500ms", "min_samples": 1_000},
        }
        return self.admin.release(name, "v1.1.0", spec=spec, reason="which is quicker?").id

    @contextmanager
    def traffic(self, service: str):
        """Users that ask one after another until the block ends."""
        is_over = threading.Event()
        body = {"model": service, "messages": [{"role": "user", "content": "Hello"}]}

        def go_on() -> None:
            with httpx2.Client(
                trust_env=False, timeout=20, headers={"authorization": f"Bearer {KEYS['admin']}"}
            ) as http:
                while not is_over.wait(0.02):
                    http.post(f"{self.gateway}/v1/chat/completions", json=body)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join(30)


def bundle(model: str, system: str) -> dict[str, Any]:
    """A version's content."""
    return {"kind": "Bundle", "model": f"sim/{model}", "prompt": {"system": system}}


def axe() -> str:
    """The source of axe-core."""
    return (Path(__file__).parent / "vendor/axe.min.js").read_text()


async def barriers(page: Any) -> list[str]:
    """What axe finds on a page against WCAG 2.1 A and AA."""
    await page.evaluate(axe())
    found = await page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(r => r.violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' ' + n.failureSummary).join(' | ')))"
    )
    return list(found)


def _quick() -> dict[str, Any]:
    return {"strategy": {"direct": {"promote": {"bake": "0s", "keep_warm": "0s", "drain": "1s"}}}}
