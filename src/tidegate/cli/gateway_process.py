"""Entry of a gateway child: ``python -m tidegate.cli.gateway_process`` with GatewaySettings on standard input."""

from __future__ import annotations

import sys

from tidegate.gateway.memory import leave_out_modules

if __name__ == "__main__":
    leave_out_modules()

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec
import uvloop

from tidegate.cli.child import become_child, readiness
from tidegate.cli.logs import configure_logs, set_log_level
from tidegate.environment import environment, secret_of
from tidegate.gateway.process import GatewaySettings, run_gateway
from tidegate.gateway.upstreams import FindProxy, ResolveSecret

_MEMORY = "memory:"


def serve(settings: GatewaySettings, environ: Mapping[str, str], announce: Callable[[], None] | None = None) -> None:
    """Run one gateway until it is told to stop."""
    configure_logs(environ.get("TIDEGATE_LOG_LEVEL", "info"), process=settings.id)
    uvloop.run(run_gateway(settings, secret_resolver(environ), proxy_finder(environ), announce, set_log_level))


def secret_resolver(environ: Mapping[str, str]) -> ResolveSecret:
    """Secrets of a snapshot: ``memory:`` ones came beside it, the others are this machine's own."""

    def resolve(reference: str, secrets: Mapping[str, str]) -> str:
        if reference.startswith(_MEMORY) and reference in secrets:
            return secrets[reference]
        return secret_of(reference, environ)

    return resolve


def proxy_finder(environ: Mapping[str, str]) -> FindProxy:
    """``HTTPS_PROXY`` and ``NO_PROXY`` (upper or lower case) for providers behind a proxy."""
    proxy = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    listed = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    exempt = tuple(name.strip().lstrip(".").lower() for name in listed.split(",") if name.strip())

    def find(url: str) -> str | None:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" or "*" in exempt:
            return None
        is_exempt = any(host == name or host.endswith(f".{name}") for name in exempt)
        return None if is_exempt else proxy

    return find


def main() -> None:
    """Read the settings, serve."""
    become_child()
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=GatewaySettings)
    serve(settings, environment(), readiness(sys.argv))


if __name__ == "__main__":
    main()
