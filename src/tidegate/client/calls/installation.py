"""What the installation consists of: gateways, providers, access keys, and declaring things in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.api.shapes.records import Gateways, Keys, Provider, Providers
from tidegate.api.shapes.versions import Applied
from tidegate.client.call import Call, in_path


def gateways() -> Call[Gateways]:
    """Every gateway heard of lately."""
    return Call(method="GET", path="/gateways", returns=Gateways)


def providers() -> Call[Providers]:
    """Every provider, by name; never a secret."""
    return Call(method="GET", path="/providers", returns=Providers)


def provider(name: str) -> Call[Provider]:
    """One provider; never a secret.

    Raises:
        NotFoundError: no such provider.
    """
    return Call(method="GET", path=f"/providers/{in_path(name)}", returns=Provider)


def put_provider(name: str, spec: Mapping[str, Any]) -> Call[Provider]:
    """Create or replace a provider.

    Args:
        name: of the provider.
        spec: dialect, base_url, api_key (``${NAME}`` and ``${file:PATH}`` are resolved where the gateways run), …

    Raises:
        InvalidInputError: a bad name or address, or an unknown key.
    """
    return Call(method="PUT", path=f"/providers/{in_path(name)}", returns=Provider, body=dict(spec))


def delete_provider(name: str) -> Call[Providers]:
    """Remove a provider that no service uses; returns those that remain.

    Raises:
        NotFoundError: no such provider.
        ConflictError: a service uses it.
    """
    return Call(method="DELETE", path=f"/providers/{in_path(name)}", returns=Providers)


def keys() -> Call[Keys]:
    """Every access key, by name; never a secret."""
    return Call(method="GET", path="/keys", returns=Keys)


def apply(documents: Sequence[Mapping[str, Any]], *, dry_run: bool = False) -> Call[Applied]:
    """Create or update what documents declare; repeating it changes nothing.

    Args:
        documents: of ``kind`` Service, Provider, Bundle or Release, or whole configurations (``providers``,
            ``services``, …); secrets in them are those the caller filled in.
        dry_run: only say what would change.

    Raises:
        InvalidInputError: a document is wrong; nothing of any document was changed.
    """
    body = {"documents": [dict(document) for document in documents], "dry_run": dry_run}
    return Call(method="POST", path="/apply", returns=Applied, body=body, is_keyed=True)
