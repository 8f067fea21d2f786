"""Finds control: what was given, else the environment, else the configuration file here, else this machine."""

from __future__ import annotations

import getpass
import ipaddress
import socket
import sys
import time
from urllib.parse import urlsplit

from tidegate.client import Client
from tidegate.config import client_target

PATIENCE_SECONDS = 10.0
_AGAIN_SECONDS = 0.1


def open_client(url: str | None, key: str | None) -> Client:
    """A client of control; it connects with its first call.

    Raises:
        InvalidInputError, OperatorError: the configuration file here is wrong.
    """
    found = client_target(url, key)
    if url is None:
        await_start(found.url)
    return Client(found.url, found.key, actor=_actor())


def await_start(url: str, patience: float = PATIENCE_SECONDS) -> None:
    """Give a control of this machine that refuses connections time to start: `tidegate up &` takes a moment, and whoever
    pastes the commands after it should not have to know. What it is like afterwards is told by the first call.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if not _is_loopback(host) or not _refuses(host, port):
        return
    print(f"nothing listens at {url} yet; waiting {patience:g} s for it to start", file=sys.stderr)
    until = time.monotonic() + patience
    while time.monotonic() < until and _refuses(host, port):
        time.sleep(_AGAIN_SECONDS)


def _refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _actor() -> str:
    """Who is asking, for the audit log of a control without keys."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's nameless user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
