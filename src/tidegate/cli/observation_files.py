"""Reads observations back: what `requests export` wrote as CSV, JSON lines or Parquet, or a release's from control."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from tidegate.delivery.observation import COLUMNS, Observation
from tidegate.errors import InvalidInputError, OperatorError
from tidegate.shapes.releases import Event

if TYPE_CHECKING:
    from tidegate.client import Client

_KINDS = get_type_hints(Observation)
_NEEDED = {field.name for field in msgspec.structs.fields(Observation) if field.required}
_PAGE = 500


def read_observations(file: Path) -> list[Observation]:
    """Every row of a file; its suffix tells the form.

    Raises:
        InvalidInputError: another suffix, a missing column, or a value of the wrong kind, with its line.
        OperatorError: it cannot be read.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(file.suffix)
    if reader is None:
        raise InvalidInputError(f"{file} is no file of observations", remedy=f"known forms: {', '.join(readers)}")
    try:
        return [_observation(row, f"{file}:{line}") for line, row in reader(file)]
    except OSError as error:
        raise OperatorError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from None


def fetch_observations(client: Client, release: str) -> list[Observation]:
    """Every stored request of a release, a page at a time."""
    found: list[Observation] = []
    cursor = None
    while True:
        page = client.requests(release=release, limit=_PAGE, cursor=cursor)
        found += [Observation(**{name: getattr(row, name) for name in COLUMNS}) for row in page.items]
        if page.next is None:
            return found
        cursor = page.next


def windows_of(events: Iterable[Event]) -> dict[tuple[int, int], int]:
    """(attempt, step) -> microseconds since the epoch when its weights were verified, from what happened."""
    found: dict[tuple[int, int], int] = {}
    attempt, step = 1, -1
    for event in events:
        if event.number == "T17":
            attempt, step = attempt + 1, -1
        elif event.number in {"T2", "T7"}:
            step += 1
        elif event.number == "T5":
            found[attempt, step] = round(event.at.timestamp() * 1_000_000)
    return found


def _observation(row: Mapping[str, Any], where: str) -> Observation:
    missing = sorted(_NEEDED - set(row))
    if missing:
        raise InvalidInputError(
            f"the column {missing[0]} is missing", where=where, remedy="export with `tidegate requests export`"
        )
    given = {name: _value(name, row[name], where) for name in COLUMNS if name in row}
    return Observation(**given)


def _value(name: str, value: Any, where: str) -> Any:
    kind = _KINDS[name]
    if isinstance(value, str) and kind not in {str, int, bool}:
        value = json.loads(value) if value else ()
    if isinstance(value, str) and kind is bool:
        value = value.lower()
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"{name} is {value!r}: {error}", where=where) from None


def _csv(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(newline="") as stream:
        yield from enumerate(csv.DictReader(stream), 2)


def _json_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open() as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, _decoded(line, f"{file}:{number}")


def _decoded(line: str, where: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidInputError(f"not a JSON object: {error}", where=where) from None


def _parquet(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra
    except ImportError:
        raise OperatorError("reading Parquet needs pyarrow", remedy="pip install 'tidegate[parquet]'") from None
    number = 0
    for batch in parquet.ParquetFile(str(file)).iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield number, row
