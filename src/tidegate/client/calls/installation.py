"""What the installation consists of: gateways, providers, access keys, and declaring things in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tidegate.client.call import Call, in_path
from tidegate.shapes.gateways import Gateways
from tidegate.shapes.keys import KeyLimits, Keys, NewKey
from tidegate.shapes.logs import LogLevels
from tidegate.shapes.metrics import Metrics
from tidegate.shapes.providers import Provider, Providers
from tidegate.shapes.versions import Applied


def gateways() -> Call[Gateways]:
    """Every gateway heard of lately."""
    return Call(method="GET", path="/gateways", returns=Gateways)


def metrics() -> Call[Metrics]:
    """Metrics that guardrails and objectives may name, and kinds of sources that give other numbers."""
    return Call(method="GET", path="/metrics", returns=Metrics)


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


def create_key(
    name: str, *, roles: Sequence[str], services: Sequence[str] = (), limits: KeyLimits | None = None
) -> Call[NewKey]:
    """Make an access key; its secret is told once, here.

    The first key ends open access; the answer's warnings say so.

    Args:
        name: letters, digits and ``._@-``; what the audit log calls its bearer.
        roles: of invoke, viewer, operator, approver, admin.
        services: only these; empty means every service.
        limits: what it may use over all gateways together.

    Raises:
        InvalidInputError: a bad name, an unknown role, or a limit of another form.
        ConflictError: the name is taken, or no key would have the role admin for every service.
        ForbiddenError: the key in use has not the role admin.
    """
    body: dict[str, object] = {"name": name, "roles": list(roles), "services": list(services)}
    if limits is not None:
        body["limits"] = msgspec.to_builtins(limits)
    return Call(method="POST", path="/keys", returns=NewKey, body=body)


def revoke_key(name: str) -> Call[Keys]:
    """Revoke an access key, at once; returns those that remain.

    Raises:
        NotFoundError: no such key.
        ConflictError: no key would be left that has the role admin for every service.
        ForbiddenError: the key in use has not the role admin.
    """
    return Call(method="DELETE", path=f"/keys/{in_path(name)}", returns=Keys)


def log_level() -> Call[LogLevels]:
    """What control and its gateways are asked to log."""
    return Call(method="GET", path="/log-level", returns=LogLevels)


def set_log_level(level: str) -> Call[LogLevels]:
    """Have control, and within a second its gateways, log ``debug``, ``info``, ``warning`` or ``error`` and above.

    Raises:
        InvalidInputError: no such level.
        ForbiddenError: the key in use has not the role admin.
    """
    return Call(method="PUT", path="/log-level", returns=LogLevels, body={"level": level})


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
