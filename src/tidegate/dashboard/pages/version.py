"""One version, and two of them side by side."""

from __future__ import annotations

from itertools import groupby

from tidegate.dashboard.looking import Context, Look, Page
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.errors import InvalidInputError
from tidegate.shapes.releases import Status
from tidegate.shapes.versions import ManifestEntry

_RELEASES_SHOWN = 20


async def gather(look: Look) -> Context:
    """Its content, where it came from, and the releases it was in."""
    ask = look.ask
    version = await ask.version(look.path["ref"])
    releases = await ask.releases(service=version.service, version=version.ref, limit=_RELEASES_SHOWN)
    others = (await ask.versions(version.service, limit=50)).versions
    drift = (await ask.drift(version.service, version=version.ref)).versions
    gateways = () if look.caller.services else (await ask.gateways()).items
    return {
        "version": version,
        "gateways": [(gateway.id, gateway.in_flight.get(version.ref, 0)) for gateway in gateways if gateway.is_live],
        "weight": weight_of(version.ref, await ask.status(version.service)),
        "card": await ask.card(version.ref),
        "evaluations": (await ask.evaluations(version=version.ref, limit=_RELEASES_SHOWN)).items,
        "behaviour": drift[0] if drift else None,
        "tree": tree(version.manifest),
        "releases": releases.items,
        "others": [other for other in others if other.ref != version.ref],
        "status": await ask.status(version.service),
    }


def weight_of(ref: str, status: Status) -> int:
    """Basis points of the service's new units that get this version now."""
    if status.release is not None and status.release.is_running:
        return status.release.weights.get(ref, 0)
    return TOTAL_WEIGHT if status.stable == ref else 0


def tree(manifest: tuple[ManifestEntry, ...]) -> list[tuple[str, list[ManifestEntry]]]:
    """Files by folder."""
    in_order = sorted(manifest, key=lambda entry: (_folder(entry), entry.path))
    return [(folder, list(entries)) for folder, entries in groupby(in_order, _folder)]


async def compare(look: Look) -> Context:
    """What changed from one version to another."""
    before, after = look.query.get("a", ""), look.query.get("b", "")
    if not before or not after:
        raise InvalidInputError("two versions are needed", where="a, b", remedy="choose them on a version's page")
    ask = look.ask
    old, new = await ask.version(before), await ask.version(after)
    return {"old": old, "new": new, "difference": await ask.diff(old.ref, new.ref)}


def _folder(entry: ManifestEntry) -> str:
    return entry.path.rpartition("/")[0]


PAGE = Page(address="/versions/{ref:path}", template="version.html", gather=gather)
COMPARE = Page(address="/compare", template="compare.html", gather=compare)
