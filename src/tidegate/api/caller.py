"""Who asks, and what each role may do.

    role       read   say   operate   approve   administer
    invoke      —     yes      —         —          —          feedback; all else only through a gateway
    viewer     yes     —       —         —          —
    operator   yes    yes     yes        —          —          push, release, promote, freeze, services, apply, kept texts
    approver   yes     —       —        yes         —          approve and reject
    admin      yes    yes     yes       yes        yes         providers and keys, which hold or grant credentials

A key that names services may do all this with these services only, and nothing that concerns all of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.controller.intents import Actor
from tidegate.errors import ForbiddenError

Right = Literal["read", "say", "operate", "approve", "administer"]
RIGHTS: dict[Right, frozenset[str]] = {
    "read": frozenset({"viewer", "operator", "approver", "admin"}),
    "say": frozenset({"invoke", "operator", "admin"}),
    "operate": frozenset({"operator", "admin"}),
    "approve": frozenset({"approver", "admin"}),
    "administer": frozenset({"admin"}),
}
ANONYMOUS = "anonymous"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated caller.

    Attributes:
        name: of the key, or what an open-access caller says of itself.
        services: empty means every service.
    """

    name: str
    roles: tuple[str, ...]
    services: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """The caller as commands and the audit log know it; an admin counts as an approver."""
        roles = (*self.roles, "approver") if "admin" in self.roles and "approver" not in self.roles else self.roles
        return Actor(name=self.name, roles=roles)

    def has(self, right: Right) -> bool:
        """Whether one of the roles gives the right."""
        return not RIGHTS[right].isdisjoint(self.roles)

    def need(self, right: Right) -> None:
        """Refuse a caller without the right.

        Raises:
            ForbiddenError: naming the roles that would do.
        """
        if not self.has(right):
            raise ForbiddenError(
                f"key {self.name!r} has the roles {', '.join(self.roles) or 'none'} and may not {right}",
                code="role_missing",
                remedy=f"use a key with the role {' or '.join(sorted(RIGHTS[right]))}",
            )

    def need_service(self, service: str) -> None:
        """Refuse a caller whose key is for other services.

        Raises:
            ForbiddenError: it is.
        """
        if self.services and service not in self.services:
            raise self._out_of_scope(f"service {service!r}")

    def need_everything(self) -> None:
        """Refuse a caller whose key is for some services only.

        Raises:
            ForbiddenError: it is.
        """
        if self.services:
            raise self._out_of_scope("what concerns every service")

    def scope(self, service: str | None) -> str | None:
        """The service a list is about; a key for one service sees that one without naming it.

        Raises:
            ForbiddenError: the key is for other services, or for several and none was named.
        """
        if service is None and len(self.services) == 1:
            return self.services[0]
        if service is None:
            self.need_everything()
        else:
            self.need_service(service)
        return service

    def _out_of_scope(self, what: str) -> ForbiddenError:
        return ForbiddenError(
            f"key {self.name!r} is for {', '.join(self.services)}, not for {what}",
            code="service_scope",
            remedy="name one of its services, or use a key without services",
        )
