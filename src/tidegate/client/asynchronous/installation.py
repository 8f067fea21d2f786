"""What the installation consists of: gateways, providers, access keys, and declaring things in bulk.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.installation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.client.calls import installation
from tidegate.client.transport import AsyncTransport
from tidegate.shapes.gateways import Gateways
from tidegate.shapes.keys import KeyLimits, Keys, NewKey
from tidegate.shapes.logs import LogLevels
from tidegate.shapes.metrics import Metrics
from tidegate.shapes.providers import Provider, Providers
from tidegate.shapes.versions import Applied


class InstallationOperations:
    """The operations of :mod:`tidegate.client.calls.installation`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def gateways(self) -> Gateways:
        """Every gateway heard of lately."""
        return await self._transport.run(installation.gateways())

    async def metrics(self) -> Metrics:
        """Metrics that guardrails and objectives may name, and kinds of sources that give other numbers."""
        return await self._transport.run(installation.metrics())

    async def providers(self) -> Providers:
        """Every provider, by name; never a secret."""
        return await self._transport.run(installation.providers())

    async def provider(self, name: str) -> Provider:
        """One provider; never a secret.

        Raises:
            NotFoundError: no such provider.
        """
        return await self._transport.run(installation.provider(name))

    async def put_provider(self, name: str, spec: Mapping[str, Any]) -> Provider:
        """Create or replace a provider.

        Args:
            name: of the provider.
            spec: dialect, base_url, api_key (``${NAME}`` and ``${file:PATH}`` are resolved where the gateways run), …

        Raises:
            InvalidInputError: a bad name or address, or an unknown key.
        """
        return await self._transport.run(installation.put_provider(name, spec))

    async def delete_provider(self, name: str) -> Providers:
        """Remove a provider that no service uses; returns those that remain.

        Raises:
            NotFoundError: no such provider.
            ConflictError: a service uses it.
        """
        return await self._transport.run(installation.delete_provider(name))

    async def keys(self) -> Keys:
        """Every access key, by name; never a secret."""
        return await self._transport.run(installation.keys())

    async def create_key(
        self, name: str, *, roles: Sequence[str], services: Sequence[str] = (), limits: KeyLimits | None = None
    ) -> NewKey:
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
        return await self._transport.run(installation.create_key(name, roles=roles, services=services, limits=limits))

    async def revoke_key(self, name: str) -> Keys:
        """Revoke an access key, at once; returns those that remain.

        Raises:
            NotFoundError: no such key.
            ConflictError: no key would be left that has the role admin for every service.
            ForbiddenError: the key in use has not the role admin.
        """
        return await self._transport.run(installation.revoke_key(name))

    async def log_level(self) -> LogLevels:
        """What control and its gateways are asked to log."""
        return await self._transport.run(installation.log_level())

    async def set_log_level(self, level: str) -> LogLevels:
        """Have control, and within a second its gateways, log ``debug``, ``info``, ``warning`` or ``error`` and above.

        Raises:
            InvalidInputError: no such level.
            ForbiddenError: the key in use has not the role admin.
        """
        return await self._transport.run(installation.set_log_level(level))

    async def apply(self, documents: Sequence[Mapping[str, Any]], *, dry_run: bool = False) -> Applied:
        """Create or update what documents declare; repeating it changes nothing.

        Args:
            documents: of ``kind`` Service, Provider, Bundle or Release, or whole configurations (``providers``,
                ``services``, …); secrets in them are those the caller filled in.
            dry_run: only say what would change.

        Raises:
            InvalidInputError: a document is wrong; nothing of any document was changed.
        """
        return await self._transport.run(installation.apply(documents, dry_run=dry_run))
