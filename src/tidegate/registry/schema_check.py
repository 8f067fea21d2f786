"""Starting quickly: a database that is at the newest revision already needs no migration tool.

Loading alembic takes longer than everything else that control does at its start.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from tidegate.registry.database import Database

_FOLDER = Path(__file__).parent / "migrations"
_REVISION = re.compile(
    r"^(?P<name>revision|down_revision)(?::[^=]*)? = (?:None|[\"'](?P<value>[^\"']*)[\"'])", re.MULTILINE
)


async def bring_to_head(database: Database, part: Literal["state", "observations"]) -> str:
    """Create or upgrade the tables if they are not at the newest revision; returns it.

    Raises:
        OperatorError: the database was made by a newer build, or cannot be written.
    """
    newest = newest_revision(part)
    if await _stored(database, part) == newest:
        return newest
    from tidegate.registry.migrate import migrate  # noqa: PLC0415 - loads alembic, only when there is something to do

    return await migrate(database, part)


async def is_at_head(database: Database, part: Literal["state", "observations"]) -> bool:
    """Whether the tables are of this build's revision; changes nothing."""
    return await _stored(database, part) == newest_revision(part)


def newest_revision(part: Literal["state", "observations"]) -> str:
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
