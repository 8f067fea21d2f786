"""What users said of each version over some time, added up where it is stored."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.feedback.stored import STANDS
from tidegate.registry.schema import feedback
from tidegate.shapes.reports import OpinionTotals

_YES_OR_NO = ("yes", "no")


async def said_of_versions(connection: AsyncConnection, service: str, *, since_us: int) -> list[OpinionTotals]:
    """Verdicts on answers of a service since ``since_us``, by the version that answered and by name.

    One index range is read. A yes or no gives a share, a number a mean, a category its share among all of that name.
    """
    versions, names, categories = feedback.c.served_version, feedback.c.name, feedback.c.category
    is_number = feedback.c.micro.is_not(None)
    own = sa.case(
        (is_number & categories.in_(_YES_OR_NO), "yes"), (is_number, ""), else_=sa.func.coalesce(categories, "")
    )
    statement = (
        sa.select(versions, names, own, is_number, sa.func.count(), sa.func.coalesce(sa.func.sum(feedback.c.micro), 0))
        .where(feedback.c.service == service, feedback.c.at_us >= since_us, STANDS)
        .group_by(versions, names, own, is_number)
    )
    rows = [tuple(row) for row in await connection.execute(statement)]
    told = [row for row in rows if row[3] or row[2]]  # words alone say nothing that could be added up
    whole = {(version, name): 0 for version, name, *_ in told}
    for version, name, _, _, count, _ in told:
        whole[version, name] += count
    return sorted(
        (
            OpinionTotals(
                version=version,
                name=name if numeric else f"{name}={category}",
                verdicts=count if numeric else whole[version, name],
                is_share=bool(category) or not numeric,
                value=int(micro) / 1e6 / count if numeric else count / whole[version, name],
            )
            for version, name, category, numeric, count, micro in told
        ),
        key=lambda each: (each.version, each.name),
    )
