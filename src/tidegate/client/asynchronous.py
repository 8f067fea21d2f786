"""The same client for asyncio; written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import httpx2

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
from tidegate.api.shapes.versions import Applied, Difference, Pushed, Verification, VersionDetail, Versions
from tidegate.client import calls
from tidegate.client.calls import Bump
from tidegate.client.exchange import DEFAULT_URL, Server
from tidegate.client.transport import AsyncTransport
from tidegate.client.waiting import Waited
from tidegate.registry.bundle_tree import BundleContent


class AsyncClient:
    """The same client for asyncio; errors are those of :mod:`tidegate.errors`, as the server raised them.

    Args:
        url: of control.
        key: access key; without one only a control without keys, on this machine, answers.
        actor: ``user@host`` for the audit log of a control without keys.
        timeout: seconds for each exchange, beyond what the server takes on purpose.
        transport: replaces the network (tests).
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        actor: str | None = None,
        timeout: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        server = Server(url=url or DEFAULT_URL, key=key, actor=actor, timeout_seconds=timeout)
        self._transport = AsyncTransport(server, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def push(
        self,
        source: str | Path | BundleContent | Mapping[str, Any],
        *,
        service: str | None = None,
        version: str | None = None,
        bump: Bump | None = None,
        lineage: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> Pushed:
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
        return await self._transport.run(
            calls.push(source, service=service, version=version, bump=bump, lineage=lineage, dry_run=dry_run)
        )

    async def import_version(self, archive: str | Path, *, service: str | None = None) -> Pushed:
        """Register what :meth:`export` wrote, under the same number, optionally in another service.

        Raises:
            InvalidInputError: it is no such archive, or it was altered.
            ConflictError: the number holds other content, or this content has another number.
        """
        return await self._transport.run(calls.import_version(archive, service=service))

    async def versions(self, service: str, *, limit: int = 100, cursor: str | None = None) -> Versions:
        """A page of a service's versions, highest number first.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(calls.versions(service, limit=limit, cursor=cursor))

    async def version(self, ref: str) -> VersionDetail:
        """One version with its content.

        Args:
            ref: ``service/vX.Y.Z[-digest8]``, ``service@stable`` or ``sha256:…``.

        Raises:
            NotFoundError: no such version.
        """
        return await self._transport.run(calls.version(ref))

    async def diff(self, before: str, after: str) -> Difference:
        """What changed from one version to another; ``after`` may leave out the service.

        Raises:
            NotFoundError: no such version.
        """
        return await self._transport.run(calls.diff(before, after))

    async def card(self, ref: str) -> str:
        """The model card as Markdown.

        Raises:
            NotFoundError: no such version.
        """
        return await self._transport.run(calls.card(ref))

    async def export(self, ref: str, file: BinaryIO) -> int:
        """Write a version as a tar archive into an open binary file; returns its bytes.

        Throw the file away when this raises.

        Raises:
            NotFoundError: no such version.
            UpstreamError: the connection broke, or an artifact is damaged at the server.
        """
        return await self._transport.run(calls.export(ref, file))

    async def verify(self, ref: str) -> Verification:
        """Have every file of a version hashed again.

        Raises:
            NotFoundError: no such version (damage is reported in the result).
        """
        return await self._transport.run(calls.verify(ref))

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
        return await self._transport.run(calls.release(service, version, spec=spec, reason=reason))

    async def status(self, service: str) -> Status:
        """What users of a service get, and its running release, else its latest one.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(calls.status(service))

    async def services(self, *, limit: int = 100, cursor: str | None = None) -> Statuses:
        """A page of every service's status, by name."""
        return await self._transport.run(calls.services(limit=limit, cursor=cursor))

    async def service(self, name: str) -> Service:
        """What is declared of a service.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(calls.service(name))

    async def put_service(self, name: str, spec: Mapping[str, Any], *, etag: int | None = None) -> Service:
        """Create a service or replace what is declared of it; its stable version stays.

        Args:
            name: of the service.
            spec: fallbacks, timeouts, segments, overrides, unit, as in the configuration file.
            etag: change it only if it is still at this ``etag``.

        Raises:
            InvalidInputError: a bad name or an unknown key.
            PreconditionError: somebody changed it.
        """
        return await self._transport.run(calls.put_service(name, spec, etag=etag))

    async def releases(self, *, service: str | None = None, limit: int = 50, cursor: str | None = None) -> Releases:
        """A page of releases, newest first, of every service or of one."""
        return await self._transport.run(calls.releases(service=service, limit=limit, cursor=cursor))

    async def release_by_id(self, release: str) -> Release:
        """One release.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(calls.release_by_id(release))

    async def history(self, service: str, *, limit: int = 50, cursor: str | None = None) -> Releases:
        """A page of a service's releases, newest first.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(calls.history(service, limit=limit, cursor=cursor))

    async def explain(self, release: str) -> Explanation:
        """Why a release is where it is, in sentences.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(calls.explain(release))

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
        return await self._transport.run(calls.promote(release, full=full, reason=reason, etag=etag))

    async def pause(self, release: str, *, reason: str = "") -> Release:
        """Let a release not go forward until somebody resumes it; its guardrails stay armed.

        Raises:
            NotFoundError: no such release.
            ConflictError: the release has ended.
        """
        return await self._transport.run(calls.pause(release, reason=reason))

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
        return await self._transport.run(calls.resume(release, reason=reason, etag=etag))

    async def abort(self, release: str, *, reason: str = "") -> Release:
        """End a release and send all traffic to stable; always accepted, and repeating it changes nothing.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(calls.abort(release, reason=reason))

    async def retry(self, release: str, *, reason: str) -> Release:
        """Try a release that was rolled back or rejected once more.

        Raises:
            NotFoundError: no such release.
            InvalidInputError: no reason.
        """
        return await self._transport.run(calls.retry(release, reason=reason))

    async def approve(self, release: str, *, reason: str = "") -> Release:
        """Let an approve step pass; needs the role ``approver``.

        Raises:
            NotFoundError: no such release.
            ForbiddenError: the key may not.
            ConflictError: the release has ended.
        """
        return await self._transport.run(calls.approve(release, reason=reason))

    async def reject(self, release: str, *, reason: str = "") -> Release:
        """Do not let an approve step pass: the release rolls back; needs the role ``approver``.

        Raises:
            NotFoundError: no such release.
            ForbiddenError: the key may not.
            ConflictError: the release has ended.
        """
        return await self._transport.run(calls.reject(release, reason=reason))

    async def rollback(self, service: str, *, to: str | None = None, reason: str = "") -> Release:
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
        return await self._transport.run(calls.rollback(service, to=to, reason=reason))

    async def freeze(self, scope: str, *, reason: str) -> Freeze:
        """Send a service (or with ``*`` every service) to stable and stop all forward movement.

        Freezing twice changes nothing; the first reason stands.

        Raises:
            NotFoundError: no such service.
            InvalidInputError: no reason.
        """
        return await self._transport.run(calls.freeze(scope, reason=reason))

    async def unfreeze(self, scope: str, *, reason: str = "") -> Freezes:
        """Lift exactly that freeze, if there is one; returns those that remain."""
        return await self._transport.run(calls.unfreeze(scope, reason=reason))

    async def freezes(self) -> Freezes:
        """Every freeze."""
        return await self._transport.run(calls.freezes())

    async def wait(
        self, release: str, *, for_: Literal["promoted"] = "promoted", timeout: float | None = None
    ) -> Waited:
        """Wait until a release is promoted, has ended otherwise, or is paused for a person to look at.

        Args:
            release: its id.
            for_: what is waited for.
            timeout: seconds; ``None`` waits as long as it takes.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(calls.wait(release, for_=for_, timeout=timeout))

    def events(self, release: str, *, after: int = 0) -> AsyncIterator[Event]:
        """What happened to a release after the event ``after``, and then whatever happens, until it ends.

        Raises:
            NotFoundError: no such release.
        """
        return self._transport.stream(calls.events(release, after=after))

    async def incidents(self, *, service: str | None = None, limit: int = 50, cursor: str | None = None) -> Incidents:
        """A page of incidents, newest first, of every service or of one."""
        return await self._transport.run(calls.incidents(service=service, limit=limit, cursor=cursor))

    async def incident(self, incident: str) -> Incident:
        """One incident.

        Raises:
            NotFoundError: no such incident.
        """
        return await self._transport.run(calls.incident(incident))

    async def audit(self, *, subject: str | None = None, limit: int = 100, cursor: str | None = None) -> AuditRows:
        """A page of the audit log, newest first, of everything or of one subject."""
        return await self._transport.run(calls.audit(subject=subject, limit=limit, cursor=cursor))

    async def verify_audit(self, *, head: tuple[int, str] | None = None) -> AuditCheck:
        """Have the whole chain of the audit log computed again.

        Args:
            head: number and hash of a row that was noted earlier, which shows a cut tail as well.
        """
        return await self._transport.run(calls.verify_audit(head=head))

    async def requests(
        self, *, service: str | None = None, release: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Requests:
        """A page of observed requests, newest first, optionally of one service or release."""
        return await self._transport.run(calls.requests(service=service, release=release, limit=limit, cursor=cursor))

    async def request(self, request_id: str) -> ServedRequest:
        """Who served one request.

        Raises:
            NotFoundError: nobody observed it, or it was forgotten.
        """
        return await self._transport.run(calls.request(request_id))

    async def gateways(self) -> Gateways:
        """Every gateway heard of lately."""
        return await self._transport.run(calls.gateways())

    async def providers(self) -> Providers:
        """Every provider, by name; never a secret."""
        return await self._transport.run(calls.providers())

    async def provider(self, name: str) -> Provider:
        """One provider; never a secret.

        Raises:
            NotFoundError: no such provider.
        """
        return await self._transport.run(calls.provider(name))

    async def put_provider(self, name: str, spec: Mapping[str, Any]) -> Provider:
        """Create or replace a provider.

        Args:
            name: of the provider.
            spec: dialect, base_url, api_key (``${NAME}`` and ``${file:PATH}`` are resolved where the gateways run), …

        Raises:
            InvalidInputError: a bad name or address, or an unknown key.
        """
        return await self._transport.run(calls.put_provider(name, spec))

    async def delete_provider(self, name: str) -> Providers:
        """Remove a provider that no service uses; returns those that remain.

        Raises:
            NotFoundError: no such provider.
            ConflictError: a service uses it.
        """
        return await self._transport.run(calls.delete_provider(name))

    async def keys(self) -> Keys:
        """Every access key, by name; never a secret."""
        return await self._transport.run(calls.keys())

    async def apply(self, documents: Sequence[Mapping[str, Any]], *, dry_run: bool = False) -> Applied:
        """Create or update what documents declare; repeating it changes nothing.

        Args:
            documents: of ``kind`` Service, Provider, Bundle or Release, or whole configurations (``providers``,
                ``services``, …); secrets in them are those the caller filled in.
            dry_run: only say what would change.

        Raises:
            InvalidInputError: a document is wrong; nothing of any document was changed.
        """
        return await self._transport.run(calls.apply(documents, dry_run=dry_run))

    async def explain_route(
        self,
        service: str,
        *,
        unit: str | None = None,
        conversation: str | None = None,
        user: str | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> RouteExplanation:
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
        return await self._transport.run(
            calls.explain_route(
                service, unit=unit, conversation=conversation, user=user, headers=headers, metadata=metadata, key=key
            )
        )
