"""What people declare in files: services, providers, keys, bundles and releases, decoded and checked before anything happens.

kind: Service     name, and what a service has in the configuration file, with an inline ``stable``
kind: Provider    name, and what a provider has there
kind: Judge       name, and what a judge has there
kind: Bundle      a version, registered and not released
kind: Release     started unless the same one was before
(no kind)         a whole configuration file; what concerns processes (listen, storage …) is left to them
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from tidegate.delivery.judging import JudgeSpec, check_judge
from tidegate.delivery.limits.declared import KeyLimits, LimitsSpec
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.service import ProviderSpec, ServiceSpec
from tidegate.documents import Document, decode, nearest
from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_reader import read_part
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.keys import key_digest

KINDS = ("Service", "Provider", "Judge", "Bundle", "Release")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class DeclaredKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key, by its secret or by the secret's SHA-256."""

    name: str
    key: str | None = None
    sha256: str | None = None
    roles: tuple[str, ...] = ("invoke",)
    services: tuple[str, ...] = ()
    limits: LimitsSpec | None = None

    @property
    def key_limits(self) -> KeyLimits | None:
        """What it may use, ``None`` without bounds.

        Raises:
            InvalidInputError: a limit that lets nothing through, or a budget of another form.
        """
        return None if self.limits is None else self.limits.limits(f"keys.{self.name}.limits")

    @property
    def digest(self) -> str:
        """What is stored of it.

        Raises:
            InvalidInputError: neither or both are given, or the digest is none.
        """
        if (self.key is None) == (self.sha256 is None):
            raise InvalidInputError(f"key {self.name!r} needs either key or sha256")
        if self.key is not None:
            return key_digest(self.key)
        if not _SHA256.fullmatch(self.sha256 or ""):
            raise InvalidInputError(f"sha256 of key {self.name!r} is not 64 lower-case hexadecimal digits")
        return self.sha256 or ""


class DeclaredService(msgspec.Struct, frozen=True, kw_only=True):
    """A service and, if given inline, the bundle of its first version."""

    name: str
    spec: ServiceSpec
    stable: BundleContent | None


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that some documents declare, in their order."""

    providers: tuple[tuple[str, ProviderSpec], ...] = ()
    keys: tuple[DeclaredKey, ...] = ()
    services: tuple[DeclaredService, ...] = ()
    judges: tuple[tuple[str, JudgeSpec], ...] = ()
    bundles: tuple[BundleContent, ...] = ()
    releases: tuple[ReleaseSpec, ...] = ()

    @property
    def contents(self) -> list[BundleContent]:
        """Every bundle, inline ones too."""
        return [*(service.stable for service in self.services if service.stable is not None), *self.bundles]

    def __add__(self, other: Declared) -> Declared:
        return Declared(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class _ServiceDocument(ServiceSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stable: dict[str, Any] | None = None


class _NamedService(_ServiceDocument, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: Literal["Service"]


class _NamedProvider(ProviderSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: Literal["Provider"]


class _NamedJudge(JudgeSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: Literal["Judge"]


class _Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    providers: dict[str, ProviderSpec] = {}
    keys: tuple[DeclaredKey, ...] = ()
    services: dict[str, _ServiceDocument] = {}
    judges: dict[str, JudgeSpec] = {}
    # of processes, checked by whoever starts them
    listen: Any = None
    storage: Any = None
    join_token: Any = None
    workers: Any = None
    metrics: Any = None
    notify: Any = None
    programs: Any = None
    alerts: Any = None
    telemetry: Any = None


def read_declared(documents: Iterable[Document]) -> Declared:
    """Decode and check documents.

    Raises:
        InvalidInputError: what is wrong, and in which document.
    """
    declared = Declared()
    for document in documents:
        declared += _read(document)
    return declared


def _read(document: Document) -> Declared:
    if not isinstance(document.value, dict):
        raise InvalidInputError("a document is a mapping of keys", where=document.where())
    match document.value.get("kind"):
        case None:
            return _configuration(document)
        case "Service":
            named = decode(document, _NamedService, hook=decode_quantity)
            return Declared(services=(_service(document, (), named.name, named),))
        case "Provider":
            provider = decode(document, _NamedProvider, hook=decode_quantity)
            return Declared(providers=((provider.name, _plain(provider, ProviderSpec)),))
        case "Judge":
            judge = decode(document, _NamedJudge, hook=decode_quantity)
            return Declared(judges=(_judge(judge.name, _plain(judge, JudgeSpec)),))
        case "Bundle":
            return Declared(bundles=(read_part(document),))
        case "Release":
            return Declared(releases=(parse_release(document),))
        case other:
            raise InvalidInputError(
                f"unknown kind {other!r}",
                code="unknown_kind",
                where=document.where(("kind",)),
                remedy=nearest(str(other), list(KINDS)),
            )


def _configuration(document: Document) -> Declared:
    found = decode(document, _Configuration, hook=decode_quantity)
    for key in found.keys:
        _ = key.digest
    return Declared(
        providers=tuple(found.providers.items()),
        keys=found.keys,
        services=tuple(
            _service(document, ("services", name), name, service) for name, service in found.services.items()
        ),
        judges=tuple(_judge(name, judge) for name, judge in found.judges.items()),
    )


def _judge(name: str, spec: JudgeSpec) -> tuple[str, JudgeSpec]:
    check_judge(name, spec)
    return name, spec


def _service(document: Document, at: tuple[str, ...], name: str, found: _ServiceDocument) -> DeclaredService:
    stable = None if found.stable is None else read_part(document, *at, "stable")
    return DeclaredService(name=name, spec=_plain(found, ServiceSpec), stable=stable)


def _plain(found: Any, into: Any) -> Any:
    return into(**{name: getattr(found, name) for name in into.__struct_fields__})
