"""Versions, their differences and the outcome of a push as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table, warning_lines
from tidegate.cli.wording import moment, plain, size
from tidegate.shapes.versions import Applied, Difference, Pushed, Verification, Version, VersionDetail

_LINE_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"), ("~", "yellow"))
_ACTION_STYLES = {"created": "green", "updated": "yellow", "unchanged": "dim", "differs": "bold yellow"}
_SIGNS = {"created": "+", "updated": "~", "unchanged": "=", "differs": "!"}


def pushed_lines(pushed: Pushed) -> list[Text]:
    """What a push did."""
    if pushed.is_dry_run:
        did = "would be registered" if pushed.created else "is registered already; nothing would change"
    else:
        did = "is registered" if pushed.created else "was registered already; nothing changed"
    lines = [Text.assemble((pushed.ref, "bold"), f" {did}.")]
    lines += fields([("digest", f"sha256:{pushed.digest}")])
    lines += fields([("number", pushed.reason)]) if pushed.reason else []
    lines += warning_lines(pushed.warnings)
    if pushed.created and not pushed.is_dry_run:
        service, _, label = pushed.ref.partition("/")
        lines.append(Text(f"Next: tidegate release {service} {label.partition('-')[0]}", style="dim"))
    return lines


def versions_table(versions: Sequence[Version], now: datetime) -> list[Text]:
    """One line for each version, highest number first."""
    if not versions:
        return [Text("No versions yet: tidegate push PATH")]
    rows: list[list[Cell]] = [
        [
            version.ref,
            version.model,
            _standing(version),
            str(version.files),
            size(version.bytes),
            moment(version.created_at, now),
            version.created_by,
        ]
        for version in versions
    ]
    return table(["version", "model", "state", "files", "size", "registered", "by"], rows, numbers={3, 4})


def version_lines(version: VersionDetail, now: datetime) -> list[Text]:
    """One version with its content."""
    pairs: list[tuple[str, Cell]] = [
        ("digest", f"sha256:{version.digest}"),
        ("state", _standing(version)),
        ("registered", f"{moment(version.created_at, now)}, by {version.created_by}"),
        ("model", version.model),
    ]
    if version.unstable:
        pairs.append(("unstable", version.unstable))
    lines = [Text(version.ref, style="bold"), *fields(pairs)]
    for name, part in version.bundle.items():
        if name not in {"model", "files", "card"}:
            lines += _part_lines(name, part)
    lines += _part_lines("lineage", version.lineage)
    rows: list[list[Cell]] = [
        [entry.path, size(entry.size), entry.mode, entry.sha256[:12]] for entry in version.manifest
    ]
    return [*lines, Text(), *table(["file", "size", "mode", "sha256"], rows, numbers={1})]


def difference_lines(difference: Difference) -> list[Text]:
    """What changed, as a review reads."""
    lines = [Text.assemble((difference.before, "bold"), " → ", (difference.after, "bold"))]
    lines += [Text(line, style=_style_of(line)) for line in difference.lines]
    if not difference.is_empty:
        lines.append(Text(f"A {difference.bump} version: {difference.bump_reason}", style="dim"))
    return lines


def verification_lines(found: Verification) -> list[Text]:
    """What re-hashing found."""
    if found.is_intact:
        return [Text.assemble(("✔ ", "green"), f"{found.ref} is intact: {found.files} files, sha256:{found.digest}")]
    lines = [Text.assemble(("✖ ", "bold red"), f"{found.ref} is damaged")]
    return lines + [Text(f"  {problem}", style="red") for problem in found.problems]


def applied_lines(applied: Applied) -> list[Text]:
    """What became of every document."""
    lines: list[Text] = []
    for change in applied.changes:
        style = _ACTION_STYLES.get(change.action, "")
        lines.append(
            Text(f"{_SIGNS.get(change.action, '?')} {change.kind} {change.name}: {change.action}", style=style)
        )
        lines += [Text(f"    {detail}", style=_style_of(detail)) for detail in change.detail]
    lines += warning_lines(applied.warnings)
    if applied.is_dry_run:
        lines.append(Text("Dry run: nothing was changed.", style="dim"))
    return lines or [Text("Nothing is declared in these files.")]


def _standing(version: Version) -> Text:
    if version.is_stable:
        return Text("✔ stable", style="green")
    return Text("✖ unstable", style="red") if version.unstable else Text("-", style="dim")


def _part_lines(name: str, part: object) -> list[Text]:
    if not isinstance(part, dict) or not part:
        return []
    lines = [Text(f"  {name}", style="dim")]
    for key, value in part.items():
        shown = plain(value).splitlines() or [""]
        lines.append(Text(f"    {key}: {shown[0]}"))
        lines += [Text(f"      {line}") for line in shown[1:]]
    return lines


def _style_of(line: str) -> str:
    return next((style for start, style in _LINE_STYLES if line.startswith(start)), "")
