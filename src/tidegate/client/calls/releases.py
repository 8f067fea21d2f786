"""Releases: start, watch, decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tidegate.client import waiting
from tidegate.client.call import Call, Flow, Stream, in_path
from tidegate.client.waiting import Waited
from tidegate.shapes.operations import Checklist, ReleaseReport
from tidegate.shapes.pairs import Pairs
from tidegate.shapes.releases import Event, Explanation, Release, Releases


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


def releases(
    *,
    service: str | None = None,
    version: str | None = None,
    is_running: bool | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Call[Releases]:
    """A page of releases, newest first.

    Args:
        service: only this one's.
        version: only those of this candidate, a full reference.
        is_running: only those under way, or only those that are over.
        limit: of one page.
        cursor: ``next`` of the page before.
    """
    running = None if is_running is None else str(is_running).lower()
    query = {"service": service, "version": version, "running": running, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/releases", returns=Releases, query=query)


def release_by_id(release: str) -> Call[Release]:
    """One release.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}", returns=Release)


def explain(release: str) -> Call[Explanation]:
    """Why a release is where it is, in sentences.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/explain", returns=Explanation)


def pairs(release: str, *, different: bool = False, limit: int = 50, cursor: str | None = None) -> Call[Pairs]:
    """Both answers to each mirrored request of a release, newest first, and what they add up to in each step.

    Args:
        release: its id.
        different: only those whose texts or outcomes differ.
        limit: of one page.
        cursor: ``next`` of the page before.

    Raises:
        NotFoundError: no such release.
    """
    query = {"different": "true" if different else None, "limit": str(limit), "cursor": cursor}
    return Call(method="GET", path=f"/releases/{in_path(release)}/pairs", returns=Pairs, query=query)


def checklist(release: str) -> Call[Checklist]:
    """The deployment checklist of a release, each point from the real state.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/checklist", returns=Checklist)


def report(release: str) -> Call[ReleaseReport]:
    """Everything about a release: what was declared, what happened, and all evidence.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/report", returns=ReleaseReport)


def report_markdown(release: str) -> Call[str]:
    """The same as Markdown.

    Raises:
        NotFoundError: no such release.
    """
    path = f"/releases/{in_path(release)}/report"
    return Call(method="GET", path=path, returns=str, query={"format": "markdown"})


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


def wait(
    release: str, *, for_: Literal["promoted", "finished"] = "promoted", timeout: float | None = None
) -> Flow[Waited]:
    """Wait until a release is promoted, has ended otherwise, or is paused for a person to look at.

    Args:
        release: its id.
        for_: what is waited for: ``promoted``, or ``finished``: the good end of its strategy, which for a shadow that
            is followed by nothing is no promotion.
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
