"""Writes requests, assignments, feedback and results to files, a page at a time, in bounded memory."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, get_args

import msgspec

from tidegate.errors import InvalidInputError, OperatorError
from tidegate.shapes.counts import ReleaseCounts
from tidegate.shapes.effect_rows import EffectRow, effect_rows
from tidegate.shapes.experiments import Results, SegmentedResults
from tidegate.shapes.requests import SaidFeedback, ServedRequest

if TYPE_CHECKING:
    from tidegate.cli.session import Asked
    from tidegate.client import Client

_PAGE = 500
_ROW_GROUP = 10_000  # rows that a Parquet file is written by
_ASSIGNMENT = (
    "request_id",
    "started_at_us",
    "service",
    "release",
    "attempt",
    "step",
    "round",
    "unit_hash",
    "variant",
    "version",
    "propensity",
)
_ARM = ("attempt", "step", "round")
Row = dict[str, Any]


class Exported(NamedTuple):
    """Rows to come, and what each has.

    Attributes:
        columns: name -> type (``str``, ``int``, ``float``, ``bool``).
        rows: made as they are read.
    """

    columns: dict[str, type]
    rows: Iterator[Row]


class Sink(Protocol):
    """Takes rows."""

    def write(self, row: Row) -> int:
        """Write one row; returns 1."""
        ...


def exported(
    client: Client,
    what: str,
    *,
    service: str | None,
    release: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Exported:
    """The rows of an export.

    Raises:
        InvalidInputError: results without a release, or feedback bounded by time.
    """
    if what == "results":
        if release is None:
            raise InvalidInputError("results are those of a release", where="--release", remedy="name one")
        return _results(client, release)
    if what == "feedback":
        columns = _columns(SaidFeedback)
        pages = _pages(
            lambda cursor: client.read_feedback(service=service, release=release, limit=_PAGE, cursor=cursor)
        )
        return Exported(columns, (_plain(row, columns) for row in pages if _is_within(row.at, since, until)))
    every = _columns(ServedRequest)
    columns = every if what == "observations" else {name: every[name] for name in _ASSIGNMENT}
    pages = _pages(
        lambda cursor: client.requests(
            service=service, release=release, since=since, until=until, limit=_PAGE, cursor=cursor
        )
    )
    return Exported(columns, (_plain(row, columns) for row in pages))


def exported_effects(told: Results | SegmentedResults) -> Exported:
    """One row for each metric of each arm, in each segment where it is divided."""
    columns = _columns(EffectRow)
    return Exported(columns, (_plain(row, columns) for row in effect_rows(told)))


def write_table(session: Asked, found: Exported, file: Path, form: str) -> None:
    """Write all rows to ``file`` and say how many; ``-`` is standard output, where nothing else is said.

    Raises:
        OperatorError: as :func:`open_sink`.
    """
    with open_sink(file, form, found.columns) as sink:
        count = sum(map(sink.write, found.rows))
    if str(file) != "-":
        session.answer({"rows": count, "file": str(file)}, lambda: [f"{count} rows written to {file}"])


@contextmanager
def open_sink(file: Path, form: str, columns: dict[str, type]) -> Iterator[Sink]:
    """Where rows are written; the file is whole when the block ends.

    Raises:
        OperatorError: the file cannot be written, or the form needs a package that is not installed.
    """
    if form == "parquet":
        with _parquet_sink(file, columns) as parquet:
            yield parquet
        return
    with _text_file(file) as stream:
        yield _Table(stream, columns) if form == "csv" else _Lines(stream)


class _Table:
    def __init__(self, stream: IO[str], columns: dict[str, type]) -> None:
        self._writer = csv.DictWriter(stream, list(columns))
        self._writer.writeheader()

    def write(self, row: Row) -> int:
        self._writer.writerow(row)
        return 1


class _Lines:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, row: Row) -> int:
        self._stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        return 1


class _Parquet:
    def __init__(self, arrow: Any, writer: Any) -> None:
        self._arrow = arrow
        self._writer = writer
        self._rows: list[Row] = []

    def write(self, row: Row) -> int:
        self._rows.append(row)
        if len(self._rows) >= _ROW_GROUP:
            self.flush()
        return 1

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._writer.schema))
            self._rows = []


@contextmanager
def _parquet_sink(file: Path, columns: dict[str, type]) -> Iterator[_Parquet]:
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise OperatorError(
            "Parquet files need the package pyarrow, which is not installed",
            code="extra_missing",
            remedy="install tidegate[parquet], or export as csv",
        ) from None
    if str(file) == "-":
        raise InvalidInputError("a Parquet file is not written to standard output", where="-o", remedy="name a file")
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    fields = [(name, pa.uint64() if name == "unit_hash" else kinds[kind]) for name, kind in columns.items()]
    try:
        with parquet.ParquetWriter(str(file), pa.schema(fields)) as writer:
            sink = _Parquet(pa, writer)
            yield sink
            sink.flush()
    except OSError as error:
        raise _unwritable(file, error) from None


@contextmanager
def _text_file(file: Path) -> Iterator[IO[str]]:
    if str(file) == "-":
        yield sys.stdout
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> OperatorError:
    return OperatorError(f"{file} cannot be written: {error.strerror or error}", code="unwritable_file")


def _pages(fetch: Callable[[str | None], Any]) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def _columns(shape: type[msgspec.Struct]) -> dict[str, type]:
    """Plain types by field, whether or not they may be unknown; whatever is no plain type is written as text."""
    return {field.name: _plain_type(field.type) for field in msgspec.structs.fields(shape)}


def _plain_type(of_field: Any) -> type:
    kinds = [kind for kind in get_args(of_field) or (of_field,) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and kinds[0] in {int, float, bool} else str


def _plain(row: msgspec.Struct, columns: dict[str, type]) -> Row:
    return {name: _cell(getattr(row, name), kind) for name, kind in columns.items()}


def _cell(value: Any, kind: type) -> Any:
    if kind is not str or isinstance(value, str) or value is None:
        return value
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)


def _is_within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def _results(client: Client, release: str) -> Exported:
    """One row for each number of each step, variant and part of the counts."""
    columns: dict[str, type] = {"release": str, **dict.fromkeys(_ARM, int), "variant": str, "part": str, "name": str}
    return Exported(columns | {"value": int}, _numbers(client.counts(release)))


def _numbers(found: ReleaseCounts) -> Iterator[Row]:
    for arm in found.arms:
        for part in ("early", "window", "compared"):
            for name, value in _leaves(getattr(arm, part)):
                where = {name: getattr(arm, name) for name in _ARM}
                yield {"release": found.release, **where, "variant": arm.variant, "part": part} | {
                    "name": name,
                    "value": value,
                }


def _leaves(counts: dict[str, Any], at: str = "") -> Iterator[tuple[str, int]]:
    for name, value in counts.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{at}{name}.")
        elif isinstance(value, int):
            yield f"{at}{name}", value
