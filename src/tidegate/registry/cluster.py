"""Who leads, and which revision is in force: one row, and the fence every leader's write stands behind.

A process that leads renews its lease; when the lease has run out another may take over, which raises
``epoch``. Each of the leader's transactions first calls :func:`fence`, so an old leader that wakes up late
writes nothing: its epoch is not the row's any more.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.errors import ConflictError, InternalError
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import cluster

_ROW = 1


class StaleLeaderError(ConflictError):
    """This process led once and does not any more; nothing was written."""

    default_code = "stale_leader"


class ClusterRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row as it stands.

    Attributes:
        epoch: rises with each leader.
        revision: of the published snapshot.
        leader: id of the process that led last.
        lease_until: until when nobody else may take over.
        mac_key: secret that signs request ids, hex.
        gateways: ids of the gateways that may be serving; whoever leads next reckons with them.
    """

    epoch: int
    revision: int
    leader: str
    lease_until: datetime
    mac_key: str
    gateways: tuple[str, ...] = ()


async def read_cluster(connection: AsyncConnection) -> ClusterRow | None:
    """The row, or ``None`` before the first leader."""
    row = (await connection.execute(sa.select(cluster).where(cluster.c.id == _ROW))).mappings().one_or_none()
    if row is None:
        return None
    return ClusterRow(
        epoch=row["epoch"],
        revision=row["revision"],
        leader=row["leader"],
        lease_until=from_text(row["lease_until"]),
        mac_key=row["mac_key"],
        gateways=tuple(msgspec.json.decode(row["gateways"], type=list[str])),
    )


async def lead(
    connection: AsyncConnection,
    leader: str,
    now: datetime,
    lease: timedelta,
    *,
    is_forced: bool = False,
    above: ClusterRow | None = None,
) -> ClusterRow | None:
    """Renew the lease of ``leader``, or take over when it is free; ``None`` while another one leads.

    Args:
        is_forced: take over although another lease still runs (the storage has one control process only,
            so the other one is a predecessor that died).
        above: take over with an epoch and a revision above these (gateways remember a later history than
            the database, which was restored from a backup).
    """
    row = await read_cluster(connection)
    if row is None:
        epoch, revision = (above.epoch, above.revision) if above else (0, 0)
        first = ClusterRow(
            epoch=epoch + 1,
            revision=revision + 1,
            leader=leader,
            lease_until=now + lease,
            mac_key=secrets.token_hex(32),
        )
        await connection.execute(sa.insert(cluster).values(id=_ROW, **_columns(first)))
        return first
    is_own = row.leader == leader
    if not is_own and not is_forced and row.lease_until > now:
        return None
    is_renewal = is_own and not is_forced and above is None
    taken = msgspec.structs.replace(row, leader=leader, lease_until=now + lease)
    if not is_renewal:
        epoch, revision = (above.epoch, above.revision) if above else (row.epoch, row.revision)
        taken = msgspec.structs.replace(
            taken, epoch=max(row.epoch, epoch) + 1, revision=max(row.revision, revision) + 1
        )
    await connection.execute(sa.update(cluster).where(cluster.c.id == _ROW).values(_columns(taken)))
    return taken


async def resign(connection: AsyncConnection, leader: str, now: datetime) -> None:
    """Give the lease back, so that the next process need not wait for it to run out."""
    owned = sa.and_(cluster.c.id == _ROW, cluster.c.leader == leader)
    await connection.execute(sa.update(cluster).where(owned).values(lease_until=to_text(now)))


async def fence(connection: AsyncConnection, leader: str, epoch: int) -> ClusterRow:
    """The row, if ``leader`` still leads with ``epoch``; call it first in every write of the leader.

    Raises:
        StaleLeaderError: somebody else took over.
    """
    row = await read_cluster(connection)
    if row is None:
        raise InternalError("the cluster row is missing; nobody has led yet")
    if (row.leader, row.epoch) != (leader, epoch):
        raise StaleLeaderError(f"{leader} led with epoch {epoch}, now {row.leader} leads with epoch {row.epoch}")
    return row


async def save_gateways(connection: AsyncConnection, gateways: tuple[str, ...]) -> None:
    """Keep who may be serving; the caller has passed the fence."""
    text = msgspec.json.encode(gateways).decode()
    await connection.execute(sa.update(cluster).where(cluster.c.id == _ROW).values(gateways=text))


async def bump_revision(connection: AsyncConnection) -> int:
    """Raise the revision by one and return it; the caller holds the write lock."""
    statement = sa.update(cluster).where(cluster.c.id == _ROW).values(revision=cluster.c.revision + 1)
    return int((await connection.execute(statement.returning(cluster.c.revision))).scalar_one())


def _columns(row: ClusterRow) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(row),
        "lease_until": to_text(row.lease_until),
        "gateways": msgspec.json.encode(row.gateways).decode(),
    }
