"""Opening a database: its tables are brought to the newest revision, and those of another build are refused.

A database that is at the newest revision already needs no migration tool: loading alembic takes longer than everything
else that control does at its start.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from tidegate.errors import OperatorError
from tidegate.registry import schema
from tidegate.registry.database import Database

Part = Literal["state", "observations"]
TABLES: dict[Part, sa.MetaData] = {"state": schema.state, "observations": schema.observations}
_FOLDER = Path(__file__).parent / "migrations"
_REVISION = re.compile(
    r"^(?P<name>revision|down_revision)(?::[^=]*)? = (?:None|[\"'](?P<value>[^\"']*)[\"'])", re.MULTILINE
)
_COLUMNS = {  # table, column, whether every row that is written has to give it a value
    "sqlite": (
        'SELECT t.name, c.name, c."notnull" AND c.dflt_value IS NULL AND NOT c.pk '
        "FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'"
    ),
    "postgresql": (
        "SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' "
        "FROM information_schema.columns WHERE table_schema = current_schema()"
    ),
}


async def bring_to_head(database: Database, part: Part) -> str:
    """Create or upgrade the tables if they are not at the newest revision; returns it.

    Raises:
        OperatorError: the database was made by another build or program, or cannot be reached or written.
    """
    newest = newest_revision(part)
    try:
        if await _stored(database, part) != newest:
            from tidegate.registry.migrate import migrate  # noqa: PLC0415 - loads alembic, only when it has work

            await migrate(database, part)
        await _check_columns(database, part)
    except (sa.exc.DBAPIError, OSError) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise OperatorError(
            f"the {part} database cannot be brought to revision {newest!r}: {reason}",
            code="storage_failed",
            where=_place(database.engine.url),
            remedy="let storage.database name a database of Tidegate, or an empty one, that can be reached and written",
        ) from error
    return newest


async def is_at_head(database: Database, part: Part) -> bool:
    """Whether the tables are of this build's revision; changes nothing."""
    return await _stored(database, part) == newest_revision(part)


def of_another_build(url: sa.URL, part: Part, difference: str) -> OperatorError:
    """What to raise where a database cannot be worked with, since another build made its tables."""
    return OperatorError(
        f"another build wrote the {part} database: {difference}",
        code="other_build",
        where=_place(url),
        remedy="run the build that wrote it, restore a backup that this build made, or name another storage.database",
    )


def _place(url: sa.URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def newest_revision(part: Part) -> str:
    """The revision that no other one of this build follows."""
    revisions: set[str] = set()
    followed: set[str] = set()
    for file in (_FOLDER / part).glob("*.py"):
        for match in _REVISION.finditer(file.read_text(encoding="utf-8")):
            if match["value"] is not None:
                (revisions if match["name"] == "revision" else followed).add(match["value"])
    (newest,) = revisions - followed
    return newest


async def _stored(database: Database, part: str) -> str | None:
    table = sa.table(f"tidegate_{part}_revision", sa.column("version_num"))
    try:
        async with database.read() as connection:
            revision: str | None = await connection.scalar(sa.select(table.c.version_num))
            return revision
    except sa.exc.DBAPIError:  # no such table: an empty database
        return None


async def _check_columns(database: Database, part: Part) -> None:
    """Builds between two releases may mean different tables by the same revision, and people may change tables."""
    async with database.read() as connection:
        rows = (await connection.execute(sa.text(_COLUMNS[database.engine.dialect.name]))).all()
    found: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for table, column, is_demanded in rows:
        found[table][column] = bool(is_demanded)
    differences = [each for table in TABLES[part].tables.values() for each in _differences(table, found[table.name])]
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        told = f"it is at revision {newest_revision(part)!r} as this build is, and yet {differences[0]}{more}"
        raise of_another_build(database.engine.url, part, told)


def _differences(table: sa.Table, found: dict[str, bool]) -> Iterator[str]:
    """What keeps statements of this build from running."""
    for column in table.columns:
        if column.name not in found:
            yield f"{table.name}.{column.name} is missing in it"
    for name, is_demanded in found.items():
        if is_demanded and name not in table.columns:
            yield f"{table.name}.{name} demands a value that this build does not give"
