"""Every operation of the client, once, as data; ``Client`` and ``AsyncClient`` are generated from this module.

The parameters and docstrings here are those of the methods. Run ``python -m tidegate.client.surface`` after a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tidegate.api.shapes.records import (
    AuditCheck,
    AuditRows,
    Gateways,
    Keys,
    Provider,
    Providers,
    Requests,
    ServedRequest,
    Service,
)
from tidegate.api.shapes.releases import (
    Event,
    Explanation,
    Freeze,
    Freezes,
    Incident,
    Incidents,
    Release,
    Releases,
    RouteExplanation,
    Status,
    Statuses,
)
from tidegate.api.shapes.versions import (
    Applied,
    Difference,
    Pushed,
    Verification,
    VersionDetail,
    Versions,
)
from tidegate.client import pushing, waiting
from tidegate.client.call import Call, Flow, Stream, in_path
from tidegate.client.waiting import Waited
from tidegate.registry.bundle_tree import BundleContent

Bump = Literal["major", "minor", "patch", "auto"]


def push(
    source: str | Path | BundleContent | Mapping[str, Any],
    *,
    service: str | None = None,
    version: str | None = None,
    bump: Bump | None = None,
    lineage: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Flow[Pushed]:
    """Register a version; pushing the same content again changes nothing.

    The bundle is read and checked here, and only the artifacts that control lacks are sent.

    Args:
        source: a bundle directory or file, a bundle that was read already, or its plain values.
        service: of which it is a version, unless the bundle says so.
        version: ``vX.Y.Z``, unless the bundle says so or a bump decides.
        bump: which part of the latest number rises; ``auto`` derives it from the change.
        lineage: parent, base_model, git_commit, training_run, data, note; instead of the bundle's own.
        dry_run: say what would happen and register nothing; no artifact is sent.

    Raises:
        InvalidInputError: the bundle is wrong, with file and line.
        ConflictError: the number holds other content, or this content has another number.
    """
    return pushing.push(source, service=service, version=version, bump=bump, lineage=lineage, dry_run=dry_run)


def import_version(archive: str | Path, *, service: str | None = None) -> Call[Pushed]:
    """Register what :meth:`export` wrote, under the same number, optionally in another service.

    Raises:
        InvalidInputError: it is no such archive, or it was altered.
        ConflictError: the number holds other content, or this content has another number.
    """
    return Call(
        method="POST",
        path="/versions/import",
        returns=Pushed,
        query={"service": service},
        content=lambda: pushing.file_chunks(Path(archive)),
        headers={"content-type": "application/x-tar"},
        is_keyed=True,
    )


def versions(service: str, *, limit: int = 100, cursor: str | None = None) -> Call[Versions]:
    """A page of a service's versions, highest number first.

    Raises:
        NotFoundError: no such service.
    """
    return Call(
        method="GET",
        path=f"/services/{in_path(service)}/versions",
        returns=Versions,
        query={"limit": limit, "cursor": cursor},
    )


def version(ref: str) -> Call[VersionDetail]:
    """One version with its content.

    Args:
        ref: ``service/vX.Y.Z[-digest8]``, ``service@stable`` or ``sha256:…``.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path=f"/versions/{in_path(ref, keep='/')}", returns=VersionDetail)


def diff(before: str, after: str) -> Call[Difference]:
    """What changed from one version to another; ``after`` may leave out the service.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path="/diff", returns=Difference, query={"a": before, "b": after})


def card(ref: str) -> Call[str]:
    """The model card as Markdown.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path=f"/versions/{in_path(ref, keep='/')}/card", returns=str)


def export(ref: str, file: BinaryIO) -> Call[int]:
    """Write a version as a tar archive into an open binary file; returns its bytes.

    Throw the file away when this raises.

    Raises:
        NotFoundError: no such version.
        UpstreamError: the connection broke, or an artifact is damaged at the server.
    """
    return Call(method="GET", path=f"/versions/{in_path(ref, keep='/')}/export", returns=int, into=file)


def verify(ref: str) -> Call[Verification]:
    """Have every file of a version hashed again.

    Raises:
        NotFoundError: no such version (damage is reported in the result).
    """
    return Call(
        method="GET", path=f"/versions/{in_path(ref, keep='/')}/verify", returns=Verification, longest_seconds=600.0
    )


def release(service: str, version: str, *, spec: Mapping[str, Any] | None = None, reason: str = "") -> Call[Release]:
    """Start a release.

    Args:
        service: whose traffic moves.
        version: any reference to the candidate; ``vX.Y.Z`` is enough.
        spec: the rest of a ``kind: Release`` document (strategy, probe, guardrails …); direct without it.
        reason: for the record.

    Raises:
        NotFoundError: no such service or version.
        InvalidInputError: the spec is wrong, or the strategy needs a stable version and there is none.
        ConflictError: the version is stable or on trial already, or another release runs and this one rejects then.
    """
    body = {"service": service, "version": version, "reason": reason}
    if spec is not None:
        body["spec"] = dict(spec)  # type: ignore[assignment]  # a JSON document
    return Call(method="POST", path="/releases", returns=Release, body=body, is_keyed=True)


def status(service: str) -> Call[Status]:
    """What users of a service get, and its running release, else its latest one.

    Raises:
        NotFoundError: no such service.
    """
    return Call(method="GET", path=f"/services/{in_path(service)}", returns=Status)


def services(*, limit: int = 100, cursor: str | None = None) -> Call[Statuses]:
    """A page of every service's status, by name."""
    return Call(method="GET", path="/services", returns=Statuses, query={"limit": limit, "cursor": cursor})


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


def releases(*, service: str | None = None, limit: int = 50, cursor: str | None = None) -> Call[Releases]:
    """A page of releases, newest first, of every service or of one."""
    query = {"service": service, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/releases", returns=Releases, query=query)


def release_by_id(release: str) -> Call[Release]:
    """One release.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}", returns=Release)


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


def explain(release: str) -> Call[Explanation]:
    """Why a release is where it is, in sentences.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/explain", returns=Explanation)


def promote(release: str, *, full: bool = False, reason: str = "", etag: int | None = None) -> Flow[Release]:
    """Let a release go on now instead of after its soak; accepted means written down, not done.

    Args:
        release: its id.
        full: skip every further soak (never hard limits nor the bake).
        reason: for the record.
        etag: of the release that was looked at; ``None`` looks now.

    Raises:
        NotFoundError: no such release.
        PreconditionError: the release has changed since ``etag``.
        ConflictError: the release has ended.
    """
    return _seen(release, "promote", {"reason": reason, "full": full}, etag)


def pause(release: str, *, reason: str = "") -> Call[Release]:
    """Let a release not go forward until somebody resumes it; its guardrails stay armed.

    Raises:
        NotFoundError: no such release.
        ConflictError: the release has ended.
    """
    return _command(release, "pause", {"reason": reason})


def resume(release: str, *, reason: str = "", etag: int | None = None) -> Flow[Release]:
    """Let a paused release go on.

    Args:
        release: its id.
        reason: for the record.
        etag: of the release that was looked at; ``None`` looks now.

    Raises:
        NotFoundError: no such release.
        PreconditionError: the release has changed since ``etag``.
        ConflictError: the release has ended.
    """
    return _seen(release, "resume", {"reason": reason}, etag)


def abort(release: str, *, reason: str = "") -> Call[Release]:
    """End a release and send all traffic to stable; always accepted, and repeating it changes nothing.

    Raises:
        NotFoundError: no such release.
    """
    return _command(release, "abort", {"reason": reason})


def retry(release: str, *, reason: str) -> Call[Release]:
    """Try a release that was rolled back or rejected once more.

    Raises:
        NotFoundError: no such release.
        InvalidInputError: no reason.
    """
    return _command(release, "retry", {"reason": reason})


def approve(release: str, *, reason: str = "") -> Call[Release]:
    """Let an approve step pass; needs the role ``approver``.

    Raises:
        NotFoundError: no such release.
        ForbiddenError: the key may not.
        ConflictError: the release has ended.
    """
    return _command(release, "approve", {"reason": reason})


def reject(release: str, *, reason: str = "") -> Call[Release]:
    """Do not let an approve step pass: the release rolls back; needs the role ``approver``.

    Raises:
        NotFoundError: no such release.
        ForbiddenError: the key may not.
        ConflictError: the release has ended.
    """
    return _command(release, "reject", {"reason": reason})


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


def wait(release: str, *, for_: Literal["promoted"] = "promoted", timeout: float | None = None) -> Flow[Waited]:
    """Wait until a release is promoted, has ended otherwise, or is paused for a person to look at.

    Args:
        release: its id.
        for_: what is waited for.
        timeout: seconds; ``None`` waits as long as it takes.

    Raises:
        NotFoundError: no such release.
    """
    return waiting.wait(release, for_=for_, timeout=timeout)


def events(release: str, *, after: int = 0) -> Stream[Event]:
    """What happened to a release after the event ``after``, and then whatever happens, until it ends.

    Raises:
        NotFoundError: no such release.
    """
    return Stream(path=f"/releases/{in_path(release)}/events", returns=Event, after=str(after) if after else "")


def incidents(*, service: str | None = None, limit: int = 50, cursor: str | None = None) -> Call[Incidents]:
    """A page of incidents, newest first, of every service or of one."""
    query = {"service": service, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/incidents", returns=Incidents, query=query)


def incident(incident: str) -> Call[Incident]:
    """One incident.

    Raises:
        NotFoundError: no such incident.
    """
    return Call(method="GET", path=f"/incidents/{in_path(incident)}", returns=Incident)


def audit(*, subject: str | None = None, limit: int = 100, cursor: str | None = None) -> Call[AuditRows]:
    """A page of the audit log, newest first, of everything or of one subject."""
    query = {"subject": subject, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/audit", returns=AuditRows, query=query)


def verify_audit(*, head: tuple[int, str] | None = None) -> Call[AuditCheck]:
    """Have the whole chain of the audit log computed again.

    Args:
        head: number and hash of a row that was noted earlier, which shows a cut tail as well.
    """
    query: dict[str, str | int | None] = {} if head is None else {"seq": head[0], "hash": head[1]}
    return Call(method="GET", path="/audit/verify", returns=AuditCheck, query=query, longest_seconds=600.0)


def requests(
    *, service: str | None = None, release: str | None = None, limit: int = 50, cursor: str | None = None
) -> Call[Requests]:
    """A page of observed requests, newest first, optionally of one service or release."""
    query = {"service": service, "release": release, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/requests", returns=Requests, query=query)


def request(request_id: str) -> Call[ServedRequest]:
    """Who served one request.

    Raises:
        NotFoundError: nobody observed it, or it was forgotten.
    """
    return Call(method="GET", path=f"/requests/{in_path(request_id)}", returns=ServedRequest)


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


def _command(release: str, kind: str, body: Mapping[str, Any], etag: int | None = None) -> Call[Release]:
    headers = {} if etag is None else {"if-match": f'"{etag}"'}
    path = f"/releases/{in_path(release)}/{kind}"
    return Call(method="POST", path=path, returns=Release, body=dict(body), headers=headers, is_keyed=True)


def _seen(release: str, kind: str, body: Mapping[str, Any], etag: int | None) -> Flow[Release]:
    """A command that names the state it was decided on."""
    if etag is None:
        looked: Release = yield release_by_id(release)
        etag = looked.etag
    accepted: Release = yield _command(release, kind, body, etag)
    return accepted
