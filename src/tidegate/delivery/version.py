"""Names of versions: ``support-bot/v1.4.0-3fa9c1d2``, and the references people write for them.

    reference = service "/" label | service "@stable" | "sha256:" 64 hex | label        (label alone: the service is known)
    label     = number [ "-" digest8 ]
    number    = "v" MAJOR "." MINOR "." PATCH                                           (the only scheme so far)

A label is read by the first scheme of :data:`_SCHEMES` that knows its form, so that dates and runs can join
without touching what stands. The digest is not a SemVer pre-release: only X.Y.Z goes through ``semver``.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
import semver

from tidegate.delivery.differences import BundleDifference
from tidegate.errors import InvalidInputError

BumpKind = Literal["major", "minor", "patch"]
BUMP_KINDS: tuple[BumpKind, ...] = ("major", "minor", "patch")
DIGEST8 = 8
MAX_SERVICE_LENGTH = 63
MAX_NUMBER = 2**31 - 1  # a column of 32 bits

_SERVICE = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_NUMBER = re.compile(r"v?(\d{1,10})\.(\d{1,10})\.(\d{1,10})", re.ASCII)
_LABEL = re.compile(r"(?P<number>v[^-]*)(?:-(?P<digest>.*))?", re.DOTALL)
_DIGEST8 = re.compile(r"[0-9a-f]{8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class VersionNumber(msgspec.Struct, frozen=True, order=True):
    """``vMAJOR.MINOR.PATCH``. Major: new base model or incompatible behaviour; minor: fine-tune, prompt,
    capability; patch: parameters, fixes."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> VersionNumber:
        """Read ``v1.4.0`` or ``1.4.0``.

        Raises:
            InvalidInputError: another form, leading zeros, a pre-release, or a part above 2**31 - 1.
        """
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise _bad_number(text, "is not a version number")
        try:
            parsed = semver.Version.parse(".".join(match.groups()))
        except ValueError:
            raise _bad_number(text, "has a leading zero") from None
        if max(parsed.to_tuple()[:3]) > MAX_NUMBER:
            raise _bad_number(text, f"has a part above {MAX_NUMBER}")
        return cls(parsed.major, parsed.minor, parsed.patch)

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


FIRST = VersionNumber(1, 0, 0)


class VersionRef(msgspec.Struct, frozen=True):
    """The full name of a version, ``service/vX.Y.Z-digest8``."""

    service: str
    number: VersionNumber
    digest8: str

    @classmethod
    def parse(cls, text: str) -> VersionRef:
        """Read a full name.

        Raises:
            InvalidInputError: another form, or no digest.
        """
        found = parse_reference(text)
        if not isinstance(found, NumberReference) or found.digest8 is None:
            raise InvalidInputError(f"{text!r} is not a full version name", remedy="write service/vX.Y.Z-digest8")
        return cls(found.service, found.number, found.digest8)

    def __str__(self) -> str:
        return f"{self.service}/{self.number}-{self.digest8}"


class NumberReference(msgspec.Struct, frozen=True):
    """``service/vX.Y.Z``; with ``digest8`` the version must also have that content."""

    service: str
    number: VersionNumber
    digest8: str | None = None

    def __str__(self) -> str:
        suffix = f"-{self.digest8}" if self.digest8 else ""
        return f"{self.service}/{self.number}{suffix}"


class StableReference(msgspec.Struct, frozen=True):
    """``service@stable``: whatever users get now."""

    service: str

    def __str__(self) -> str:
        return f"{self.service}@stable"


class DigestReference(msgspec.Struct, frozen=True):
    """``sha256:…``: by content; ``service`` narrows it when several services hold the same content."""

    digest: str
    service: str | None = None

    def __str__(self) -> str:
        return f"sha256:{self.digest}"


Reference = NumberReference | StableReference | DigestReference


class BumpProposal(msgspec.Struct, frozen=True):
    """Which part of the number should rise, and why, as a sentence."""

    kind: BumpKind
    reason: str


def check_service_name(name: str) -> str:
    """Return ``name`` when it can name a service.

    Lower-case letters, digits, ``.``, ``_`` and ``-``, a letter or digit at both ends, at most 63
    characters, and nothing that reads as a version number.

    Raises:
        InvalidInputError: it cannot.
    """
    if len(name) > MAX_SERVICE_LENGTH or not _SERVICE.fullmatch(name):
        raise InvalidInputError(
            f"{_shown(name)} is not a service name",
            code="bad_service_name",
            remedy="use 1 to 63 lower-case letters, digits, '.', '_' or '-', beginning and ending with a letter or digit",
        )
    if _NUMBER.fullmatch(name):
        raise InvalidInputError(
            f"a service cannot be named {name!r}", code="bad_service_name", remedy="it reads as a version number"
        )
    return name


def parse_reference(text: str, service: str | None = None) -> Reference:
    """Read what a person wrote for a version.

    Args:
        text: ``service/vX.Y.Z[-digest8]``, ``service@stable``, ``sha256:…``; with ``service`` given also
            a bare ``vX.Y.Z[-digest8]`` or ``@stable``.
        service: the service the command speaks of, if it does.

    Raises:
        InvalidInputError: no known form, or a reference to another service than ``service``.
    """
    if text.startswith("sha256:"):
        return _digest_reference(text, service)
    if "@" in text:
        return _stable_reference(text, service)
    named, slash, label = text.rpartition("/")
    if slash:
        return _labelled(label, text, _agreed(named, service, text))
    if service is None:
        raise InvalidInputError(
            f"{_shown(text)} does not say of which service", code="bad_reference", remedy="write service/vX.Y.Z"
        )
    return _labelled(label, text, check_service_name(service))


def bump(number: VersionNumber, kind: BumpKind) -> VersionNumber:
    """The next number; what stands right of the raised part becomes 0."""
    current = semver.Version(number.major, number.minor, number.patch)
    raised = {"major": current.bump_major, "minor": current.bump_minor, "patch": current.bump_patch}[kind]()
    return VersionNumber(raised.major, raised.minor, raised.patch)


def proposed_bump(difference: BundleDifference) -> BumpProposal:
    """What ``--bump auto`` takes: the strongest reason the difference gives.

    Major for a new base model or behaviour that callers cannot ignore, minor for a fine-tune, prompt or
    capability, patch for the rest.
    """
    for kind, reasons in (("major", difference.breaking()), ("minor", difference.extending())):
        if reasons:
            return BumpProposal(kind, f"{_capitalised(reasons[0])}.")  # type: ignore[arg-type]  # two literals
    changed = difference.adjusting()
    return BumpProposal("patch", f"{_capitalised(changed[0])}." if changed else "Nothing changed.")


def _labelled(label: str, text: str, service: str) -> NumberReference:
    for scheme in _SCHEMES:
        found = scheme(label, text, service)
        if found is not None:
            return found
    raise InvalidInputError(
        f"{_shown(text)} is not a version", code="bad_reference", remedy="write vX.Y.Z or service/vX.Y.Z[-digest8]"
    )


def _numbered(label: str, text: str, service: str) -> NumberReference | None:
    match = _LABEL.fullmatch(label)
    if match is None:
        return None
    digest8 = match["digest"]
    if digest8 is not None and not _DIGEST8.fullmatch(digest8):
        raise InvalidInputError(
            f"{_shown(text)} ends in {_shown(digest8)}, which is no digest",
            code="bad_reference",
            remedy="after the number come a dash and the first 8 hexadecimal digits of the digest, or nothing",
        )
    return NumberReference(service, VersionNumber.parse(match["number"]), digest8)


_SCHEMES = (_numbered,)


def _digest_reference(text: str, service: str | None) -> DigestReference:
    digest = text.removeprefix("sha256:")
    if not _DIGEST.fullmatch(digest):
        raise InvalidInputError(
            f"{_shown(text)} is not a digest",
            code="bad_reference",
            remedy="after sha256: come 64 lower-case hexadecimal digits",
        )
    return DigestReference(digest, service)


def _stable_reference(text: str, service: str | None) -> StableReference:
    named, _, label = text.partition("@")
    if label != "stable":
        raise InvalidInputError(
            f"{_shown(text)} names an unknown pointer {_shown(label)}",
            code="bad_reference",
            remedy="the known one is @stable",
        )
    if not named and service is not None:
        return StableReference(check_service_name(service))
    return StableReference(_agreed(named, service, text))


def _agreed(named: str, service: str | None, text: str) -> str:
    check_service_name(named)
    if service is not None and named != service:
        raise InvalidInputError(
            f"{_shown(text)} belongs to service {named!r}, not to {service!r}", code="other_service"
        )
    return named


def _bad_number(text: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"{_shown(text)} {what}", code="bad_version_number", remedy="write vMAJOR.MINOR.PATCH, such as v1.4.0"
    )


def _shown(text: str, limit: int = 80) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}…")


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
