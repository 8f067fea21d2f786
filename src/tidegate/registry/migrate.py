"""Bringing a database to the schema of this build, in one transaction, from the program itself.

Each of the two schemas has its own history of revisions (``migrations/state``, ``migrations/observations``)
and its own version table, so that both may live in one PostgreSQL database.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tidegate.registry.database import Database
from tidegate.registry.schema_check import TABLES, Part, of_another_build

_FOLDER = Path(__file__).parent / "migrations"
_LOCKS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_LOCK = 0x7469_6465  # "tide": PostgreSQL's advisory lock of everybody who migrates


async def migrate(database: Database, part: Part) -> str:
    """Create or upgrade the tables; returns the revision that is in force.

    Several processes may do this at once; one works and the others find it done.

    Raises:
        OperatorError: the database was made by another build, or cannot be written.
    """

    # A serializable transaction would look at the tables as they were before it waited for the lock.
    isolation_level = "READ COMMITTED" if database.engine.dialect.name == "postgresql" else None
    async with _one_at_a_time(), database.write(isolation_level=isolation_level) as connection:
        return await connection.run_sync(_upgrade, part)


async def revision_of(database: Database, part: Part) -> str | None:
    """The revision a database is at, ``None`` for an empty one."""
    async with database.read() as connection:
        return await connection.run_sync(_current, part)


def version_table(part: Part) -> str:
    """Where a part's revision is written down."""
    return f"tidegate_{part}_revision"


def _one_at_a_time() -> asyncio.Lock:
    """Of this process: alembic keeps its current operation in module globals."""
    return _LOCKS.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _upgrade(connection: sa.Connection, part: Part) -> str:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    config = configuration(part)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    current = _current(connection, part)
    if current is not None and current not in known:
        told = f"it is at revision {current!r}, which this build does not know; it knows {scripts.get_current_head()!r}"
        raise of_another_build(connection.engine.url, part, told)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    head = scripts.get_current_head()
    assert head is not None  # there is a first revision
    return head


def configuration(part: Part) -> Config:
    """Alembic's configuration of one part; ``attributes["connection"]`` is the caller's to set."""
    config = Config()
    config.set_main_option("script_location", _escaped(_FOLDER))
    config.set_main_option("version_locations", _escaped(_FOLDER / part))
    config.set_main_option("path_separator", "newline")
    config.attributes["metadata"] = TABLES[part]
    config.attributes["version_table"] = version_table(part)
    return config


def _current(connection: sa.Connection, part: Part) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": version_table(part)})
    return context.get_current_revision()


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
