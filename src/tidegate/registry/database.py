"""Engines and transactions.

SQLite runs in WAL mode with ``BEGIN IMMEDIATE``, so that a transaction takes the write lock before it
reads what it will compare, and with ``synchronous=FULL`` for state: what was answered as done survives a
power cut. PostgreSQL runs the same code at SERIALIZABLE.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tidegate.errors import OperatorError

T = TypeVar("T")
_ATTEMPTS = 12  # of a change that lost against others; the last wait is about a second
_FIRST_WAIT_SECONDS = 0.005
_LONGEST_WAIT_SECONDS = 1.0
# PostgreSQL: serialization failure, deadlock, unique violation (two writers chose the same next number)
_REPEATABLE = frozenset({"40001", "40P01", "23505"})
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def async_url(url: str) -> sa.URL:
    """``sqlite:///file.db`` or ``postgresql://…`` with the asynchronous driver named.

    Raises:
        OperatorError: another database, or not a URL.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise OperatorError(
            f"storage.database {url!r} is not a database URL", remedy="use sqlite:///FILE or postgresql://…"
        ) from error
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        known = ", ".join(sorted(_DRIVERS))
        raise OperatorError(f"storage.database speaks {parsed.get_backend_name()!r}; known are {known}")
    return parsed.set(drivername=driver)


def observations_url(url: str) -> str:
    """Where observations live beside ``url``: a second file for SQLite, the same database otherwise."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return url
    stem, dot, suffix = parsed.database.rpartition(".")
    name = f"{stem}-observations.{suffix}" if dot else f"{parsed.database}-observations"
    return parsed.set(database=name).render_as_string(hide_password=False)


class Database:
    """One engine; ``read()``, ``write()`` and ``transact()`` are the only ways in.

    Raises:
        OperatorError: not a usable URL, or a SQLite file in a folder that does not exist.
    """

    def __init__(self, url: str, *, durability: Literal["full", "normal"] = "full") -> None:
        self.url = url
        self.engine = _engine(async_url(url), durability)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection with a consistent view; nothing written in it is kept."""
        async with self.engine.connect() as opened:
            yield await opened.execution_options(postgresql_readonly=True)

    @asynccontextmanager
    async def write(self, *, isolation_level: str | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction: commits at the end of the block, rolls back whole on any exception.

        On PostgreSQL it may end in a serialization failure; use :meth:`transact` where that must not reach
        the caller.

        Args:
            isolation_level: another one than the engine's (PostgreSQL only).
        """
        async with self.engine.connect() as opened:
            connection = await opened.execution_options(tidegate_write=True)
            if isolation_level is not None:
                connection = await connection.execution_options(isolation_level=isolation_level)
            async with connection.begin():
                yield connection

    async def transact(self, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run ``change`` in a transaction, again from its beginning when another writer was faster.

        ``change`` must therefore have no effect but on its connection.

        Raises:
            OperatorError: the database is full, locked for too long, or not to be written.
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with self.write() as connection:
                    return await change(connection)
            except sa.exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _REPEATABLE or attempt == _ATTEMPTS - 1:
                    raise _translated(error) from error
            await asyncio.sleep(_wait_seconds(attempt))
        raise AssertionError  # the last attempt returns or raises

    async def checkpoint(self) -> None:
        """Empty SQLite's write-ahead log into the database, so that what was overwritten there is gone here too."""
        if self.engine.dialect.name == "sqlite":
            async with self.engine.connect() as opened:
                raw = await opened.get_raw_connection()
                assert raw.driver_connection is not None
                await (await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _wait_seconds(attempt: int) -> float:
    """Full jitter, so that losers do not meet again."""
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    return random.uniform(0, longest)  # noqa: S311  # spreads retries, keeps no secret


_REMEDIES = {
    "database or disk is full": "free space on the disk of storage.database",
    "database is locked": "another process has held the write lock for 30 s; end it",
    "readonly database": "let the account that runs Tidegate write storage.database and its folder",
    "unable to open database": "let the account that runs Tidegate write the folder of storage.database",
    "disk I/O error": "check the disk of storage.database",
}


def _translated(error: sa.exc.DBAPIError) -> Exception:
    """What an operator must mend becomes an :class:`OperatorError`; the rest stays what it is."""
    said = str(error.orig)
    for text, remedy in _REMEDIES.items():
        if text in said:
            return OperatorError(f"the database cannot be written: {text}", code="storage_failed", remedy=remedy)
    return error


def _engine(url: sa.URL, durability: str) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, isolation_level="SERIALIZABLE", pool_pre_ping=True)
    folder = Path(url.database or ":memory:").parent
    if not folder.is_dir():
        raise OperatorError(f"the folder {str(folder)!r} of storage.database does not exist", remedy="create it")
    engine = create_async_engine(url, connect_args={"timeout": 30})

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions on its own
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", f"synchronous={durability}", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_write = connection.get_execution_options().get("tidegate_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine
