"""Releases: start, watch, decide.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.releases`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from tidegate.client.calls import releases
from tidegate.client.transport import AsyncTransport
from tidegate.client.waiting import Waited
from tidegate.shapes.operations import Checklist, ReleaseReport
from tidegate.shapes.pairs import Pairs
from tidegate.shapes.releases import Event, Explanation, Release, Releases


class ReleasesOperations:
    """The operations of :mod:`tidegate.client.calls.releases`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def release(
        self, service: str, version: str, *, spec: Mapping[str, Any] | None = None, reason: str = ""
    ) -> Release:
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
        return await self._transport.run(releases.release(service, version, spec=spec, reason=reason))

    async def releases(
        self,
        *,
        service: str | None = None,
        version: str | None = None,
        is_running: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Releases:
        """A page of releases, newest first.

        Args:
            service: only this one's.
            version: only those of this candidate, a full reference.
            is_running: only those under way, or only those that are over.
            limit: of one page.
            cursor: ``next`` of the page before.
        """
        return await self._transport.run(
            releases.releases(service=service, version=version, is_running=is_running, limit=limit, cursor=cursor)
        )

    async def release_by_id(self, release: str) -> Release:
        """One release.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.release_by_id(release))

    async def explain(self, release: str) -> Explanation:
        """Why a release is where it is, in sentences.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.explain(release))

    async def pairs(
        self, release: str, *, different: bool = False, limit: int = 50, cursor: str | None = None
    ) -> Pairs:
        """Both answers to each mirrored request of a release, newest first, and what they add up to in each step.

        Args:
            release: its id.
            different: only those whose texts or outcomes differ.
            limit: of one page.
            cursor: ``next`` of the page before.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.pairs(release, different=different, limit=limit, cursor=cursor))

    async def checklist(self, release: str) -> Checklist:
        """The deployment checklist of a release, each point from the real state.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.checklist(release))

    async def report(self, release: str) -> ReleaseReport:
        """Everything about a release: what was declared, what happened, and all evidence.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.report(release))

    async def report_markdown(self, release: str) -> str:
        """The same as Markdown.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.report_markdown(release))

    async def promote(self, release: str, *, full: bool = False, reason: str = "", etag: int | None = None) -> Release:
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
        return await self._transport.run(releases.promote(release, full=full, reason=reason, etag=etag))

    async def pause(self, release: str, *, reason: str = "") -> Release:
        """Let a release not go forward until somebody resumes it; its guardrails stay armed.

        Raises:
            NotFoundError: no such release.
            ConflictError: the release has ended.
        """
        return await self._transport.run(releases.pause(release, reason=reason))

    async def resume(self, release: str, *, reason: str = "", etag: int | None = None) -> Release:
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
        return await self._transport.run(releases.resume(release, reason=reason, etag=etag))

    async def abort(self, release: str, *, reason: str = "") -> Release:
        """End a release and send all traffic to stable; always accepted, and repeating it changes nothing.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.abort(release, reason=reason))

    async def retry(self, release: str, *, reason: str) -> Release:
        """Try a release that was rolled back or rejected once more.

        Raises:
            NotFoundError: no such release.
            InvalidInputError: no reason.
        """
        return await self._transport.run(releases.retry(release, reason=reason))

    async def approve(self, release: str, *, reason: str = "") -> Release:
        """Let an approve step pass; needs the role ``approver``.

        Raises:
            NotFoundError: no such release.
            ForbiddenError: the key may not.
            ConflictError: the release has ended.
        """
        return await self._transport.run(releases.approve(release, reason=reason))

    async def reject(self, release: str, *, reason: str = "") -> Release:
        """Do not let an approve step pass: the release rolls back; needs the role ``approver``.

        Raises:
            NotFoundError: no such release.
            ForbiddenError: the key may not.
            ConflictError: the release has ended.
        """
        return await self._transport.run(releases.reject(release, reason=reason))

    async def wait(
        self, release: str, *, for_: Literal["promoted", "finished"] = "promoted", timeout: float | None = None
    ) -> Waited:
        """Wait until a release is promoted, has ended otherwise, or is paused for a person to look at.

        Args:
            release: its id.
            for_: what is waited for: ``promoted``, or ``finished``: the good end of its strategy, which for a shadow that
                is followed by nothing is no promotion.
            timeout: seconds; ``None`` waits as long as it takes.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(releases.wait(release, for_=for_, timeout=timeout))

    def events(self, release: str, *, after: int = 0) -> AsyncIterator[Event]:
        """What happened to a release after the event ``after``, and then whatever happens, until it ends.

        Raises:
            NotFoundError: no such release.
        """
        return self._transport.stream(releases.events(release, after=after))
