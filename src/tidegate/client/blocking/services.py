"""Services: what their users get, what is declared of them, and bringing them back or to a halt.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.services`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.client.calls import services
from tidegate.client.transport import SyncTransport
from tidegate.shapes.operations import RollbackTargets
from tidegate.shapes.releases import Freeze, Freezes, Release, Releases, RouteExplanation, Status, Statuses
from tidegate.shapes.services import Preview, Service


class ServicesOperations:
    """The operations of :mod:`tidegate.client.calls.services`; part of :class:`~tidegate.client.Client`."""

    _transport: SyncTransport

    def status(self, service: str) -> Status:
        """What users of a service get, and its running release, else its latest one.

        Raises:
            NotFoundError: no such service.
        """
        return self._transport.run(services.status(service))

    def services(self, *, contains: str = "", limit: int = 100, cursor: str | None = None) -> Statuses:
        """A page of every service's status, by name; ``contains`` is part of the name."""
        return self._transport.run(services.services(contains=contains, limit=limit, cursor=cursor))

    def service(self, name: str) -> Service:
        """What is declared of a service.

        Raises:
            NotFoundError: no such service.
        """
        return self._transport.run(services.service(name))

    def put_service(self, name: str, spec: Mapping[str, Any], *, etag: int | None = None) -> Service:
        """Create a service or replace what is declared of it; its stable version stays.

        Args:
            name: of the service.
            spec: fallbacks, timeouts, segments, overrides, unit, as in the configuration file.
            etag: change it only if it is still at this ``etag``.

        Raises:
            InvalidInputError: a bad name or an unknown key.
            PreconditionError: somebody changed it.
        """
        return self._transport.run(services.put_service(name, spec, etag=etag))

    def history(self, service: str, *, limit: int = 50, cursor: str | None = None) -> Releases:
        """A page of a service's releases, newest first.

        Raises:
            NotFoundError: no such service.
        """
        return self._transport.run(services.history(service, limit=limit, cursor=cursor))

    def rollback(self, service: str, *, to: str | None = None, reason: str = "") -> Release:
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
        return self._transport.run(services.rollback(service, to=to, reason=reason))

    def explain_route(
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
        return self._transport.run(
            services.explain_route(
                service, unit=unit, conversation=conversation, user=user, headers=headers, metadata=metadata, key=key
            )
        )

    def preview(
        self,
        service: str,
        request: Mapping[str, Any],
        *,
        version: str | None = None,
        path: str = "/v1/chat/completions",
    ) -> Preview:
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
        return self._transport.run(services.preview(service, request, version=version, path=path))

    def freeze(self, scope: str, *, reason: str) -> Freeze:
        """Send a service (or with ``*`` every service) to stable and stop all forward movement.

        Freezing twice changes nothing; the first reason stands.

        Raises:
            NotFoundError: no such service.
            InvalidInputError: no reason.
        """
        return self._transport.run(services.freeze(scope, reason=reason))

    def unfreeze(self, scope: str, *, reason: str = "") -> Freezes:
        """Lift exactly that freeze, if there is one; returns those that remain."""
        return self._transport.run(services.unfreeze(scope, reason=reason))

    def freezes(self) -> Freezes:
        """Every freeze."""
        return self._transport.run(services.freezes())

    def rollback_targets(self, service: str) -> RollbackTargets:
        """Where a service may return to, the previous stable version first.

        Raises:
            NotFoundError: no such service.
        """
        return self._transport.run(services.rollback_targets(service))
