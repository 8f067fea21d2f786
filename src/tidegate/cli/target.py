"""Finds control: what was given, else the environment, else the configuration file here, else this machine."""

from __future__ import annotations

import getpass
import socket

from tidegate.client import Client
from tidegate.config import client_target


def open_client(url: str | None, key: str | None) -> Client:
    """A client of control; it connects with its first call.

    Raises:
        InvalidInputError, OperatorError: the configuration file here is wrong.
    """
    found = client_target(url, key)
    return Client(found.url, found.key, actor=_actor())


def _actor() -> str:
    """Who is asking, for the audit log of a control without keys."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's nameless user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
