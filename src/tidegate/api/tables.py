"""Answers as a table, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import msgspec
from starlette.responses import Response

from tidegate.api.replies import Responses


def table(shape: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> Response:
    """CSV with a header: the fields of ``shape``; an empty cell is what nobody knows."""
    written = io.StringIO(newline="")
    columns = [field.name for field in msgspec.structs.fields(shape)]
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([getattr(row, name) for name in columns] for row in rows)
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8")


def or_table(answers: Responses) -> Responses:
    """OpenAPI's description of a route that answers with JSON or, when asked, with a table."""
    described = answers[200]
    content = described["content"] | {"text/csv": {"schema": {"type": "string"}}}
    return answers | {200: described | {"content": content}}
