"""Services: what their users get, what is declared of them, and bringing them back or to a halt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.client.call import Call, in_path
from tidegate.shapes.operations import RollbackTargets
from tidegate.shapes.releases import Freeze, Freezes, Release, Releases, RouteExplanation, Status, Statuses
from tidegate.shapes.services import Preview, Service


def status(service: str) -> Call[Status]:
    """What users of a service get, and its running release, else its latest one.

    Raises:
        NotFoundError: no such service.
    """
    return Call(method="GET", path=f"/services/{in_path(service)}", returns=Status)


def services(*, contains: str = "", limit: int = 100, cursor: str | None = None) -> Call[Statuses]:
    """A page of every service's status, by name; ``contains`` is part of the name."""
    query = {"contains": contains or None, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/services", returns=Statuses, query=query)


def service(name: str) -> Call[Service]:
    """What is declared of a service.

    Raises:
        NotFoundError: no such service.
    """
    return Call(method="GET", path=f"/services/{in_path(name)}/spec", returns=Service)


def put_service(name: str, spec: Mapping[str, Any], *, etag: int | None = None) -> Call[Service]:
    """Create a service or replace what is declared of it; its stable version stays.

    Args:
        name: of the service.
        spec: fallbacks, timeouts, segments, overrides, unit, as in the configuration file.
        etag: change it only if it is still at this ``etag``.

    Raises:
        InvalidInputError: a bad name or an unknown key.
        PreconditionError: somebody changed it.
    """
    headers = {} if etag is None else {"if-match": f'"{etag}"'}
    return Call(method="PUT", path=f"/services/{in_path(name)}", returns=Service, body=dict(spec), headers=headers)


def history(service: str, *, limit: int = 50, cursor: str | None = None) -> Call[Releases]:
    """A page of a service's releases, newest first.

    Raises:
        NotFoundError: no such service.
    """
    return Call(
        method="GET",
        path=f"/services/{in_path(service)}/history",
        returns=Releases,
        query={"limit": limit, "cursor": cursor},
    )


def rollback(service: str, *, to: str | None = None, reason: str = "") -> Call[Release]:
    """Bring a service back: end its running release, or release an earlier version directly.

    Args:
        service: its name.
        to: the version to return to; the previous stable one without it.
        reason: for the record.

    Returns:
        The release that ends, or the new one that leads back.

    Raises:
        NotFoundError: no such service or version.
        ConflictError: there is nothing to return to.
    """
    body = {"to": to, "reason": reason}
    path = f"/services/{in_path(service)}/rollback"
    return Call(method="POST", path=path, returns=Release, body=body, is_keyed=True)


def explain_route(
    service: str,
    *,
    unit: str | None = None,
    conversation: str | None = None,
    user: str | None = None,
    headers: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str = "",
) -> Call[RouteExplanation]:
    """Which variant a request would get from the routing table in force; no request is sent.

    Args:
        service: its name.
        unit: the header ``x-tidegate-unit``.
        conversation: id of the conversation.
        user: the request's user.
        headers: of the request.
        metadata: of the request.
        key: name of the access key.

    Raises:
        NotFoundError: no such service.
    """
    body = {
        "unit": unit,
        "conversation": conversation,
        "user": user,
        "headers": dict(headers or {}),
        "metadata": dict(metadata or {}),
        "key": key,
    }
    return Call(
        method="POST",
        path=f"/services/{in_path(service)}/explain-route",
        returns=RouteExplanation,
        body=body,
        is_keyed=True,
    )


def preview(
    service: str, request: Mapping[str, Any], *, version: str | None = None, path: str = "/v1/chat/completions"
) -> Call[Preview]:
    """The request that a version's provider would get, prompt and parameters put in; nothing is sent.

    Args:
        service: its name.
        request: the client's body; ``model`` may be left out.
        version: to render it for; the stable one without it.
        path: the client's endpoint.

    Raises:
        NotFoundError: no such service or version.
        InvalidInputError: no such endpoint.
        CallerError: a request that the gateway would refuse, too.
    """
    body = {"request": dict(request), "path": path, "version": version or ""}
    return Call(method="POST", path=f"/services/{in_path(service)}/preview", returns=Preview, body=body, is_keyed=True)


def freeze(scope: str, *, reason: str) -> Call[Freeze]:
    """Send a service (or with ``*`` every service) to stable and stop all forward movement.

    Freezing twice changes nothing; the first reason stands.

    Raises:
        NotFoundError: no such service.
        InvalidInputError: no reason.
    """
    return Call(method="PUT", path=f"/freezes/{in_path(scope)}", returns=Freeze, body={"reason": reason})


def unfreeze(scope: str, *, reason: str = "") -> Call[Freezes]:
    """Lift exactly that freeze, if there is one; returns those that remain."""
    return Call(method="DELETE", path=f"/freezes/{in_path(scope)}", returns=Freezes, query={"reason": reason or None})


def freezes() -> Call[Freezes]:
    """Every freeze."""
    return Call(method="GET", path="/freezes", returns=Freezes)


def rollback_targets(service: str) -> Call[RollbackTargets]:
    """Where a service may return to, the previous stable version first.

    Raises:
        NotFoundError: no such service.
    """
    return Call(method="GET", path=f"/services/{in_path(service)}/rollback", returns=RollbackTargets)
