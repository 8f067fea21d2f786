"""Tidegate: progressive delivery for LLM applications.

Importing the package loads nothing else; ``tidegate.Client``, ``tidegate.AsyncClient`` and the pure packages
``tidegate.stats`` and ``tidegate.delivery`` are fetched on first use, so that the gateway process never pays for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__"]

if TYPE_CHECKING:
    from tidegate.client import AsyncClient, Client


def __getattr__(name: str) -> Any:
    if name in {"AsyncClient", "Client"}:
        from tidegate import client  # noqa: PLC0415 - lazy on purpose, see the module's docstring

        return getattr(client, name)
    if name in {"delivery", "stats"}:
        return import_module(f"tidegate.{name}")
    raise AttributeError(f"module 'tidegate' has no attribute {name!r}")
