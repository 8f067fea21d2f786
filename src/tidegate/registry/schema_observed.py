"""The tables of requests and of what they add up to; a part of :mod:`tidegate.registry.schema`.

64-bit hashes are signed, as databases hold them (:mod:`tidegate.registry.hashes`).
"""

from __future__ import annotations

import sqlalchemy as sa

from tidegate.registry.metadata import observations

requests = sa.Table(
    "requests",
    observations,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("started_at_us", sa.BigInteger, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("variant", sa.Text, nullable=False),  # assigned
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("duration_us", sa.BigInteger, nullable=False),
    sa.Column("cost_nano_usd", sa.BigInteger, nullable=False),
    sa.Column("unit_hash", sa.BigInteger, nullable=False),  # signed (registry.hashes)
    sa.Column("counted", sa.SmallInteger, nullable=False),  # registry.observations.Counts
    sa.Column("is_rated", sa.Boolean, nullable=False),  # somebody said something of it
    sa.Column("row", sa.Text, nullable=False),  # the whole Observation as a JSON array
)
# New rows go to the right end of each of these, which costs ingest next to nothing. What is rare has an index of
# its own, so that looking for it does not mean looking through everything (registry.requests).
sa.Index("requests_by_request_id", requests.c.request_id)
sa.Index("requests_by_time", requests.c.started_at_us)
sa.Index("requests_by_service_time", requests.c.service, requests.c.started_at_us, requests.c.unit_hash)
for _name, _column, _condition in (
    ("requests_of_releases", "release", "release <> ''"),
    ("requests_that_failed", "outcome", "outcome <> 'ok'"),
    ("slow_requests", None, "duration_us >= 10000000"),
    ("costly_requests", None, "cost_nano_usd >= 100000000"),
    ("rated_requests", None, "is_rated"),
):
    sa.Index(
        _name,
        *([requests.c[_column]] if _column else []),
        requests.c.started_at_us,
        sqlite_where=sa.text(_condition),
        postgresql_where=sa.text(_condition),
    )

batches = sa.Table(
    "batches",
    observations,
    sa.Column("boot_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("stored_at", sa.Text, nullable=False),
)

arrivals = sa.Table(  # when observations of a service came last, whichever process took them
    "arrivals",
    observations,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("stored_at", sa.Text, nullable=False),
)

key_spending = sa.Table(  # what each key used, by day of UTC
    "key_spending",
    observations,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_nano_usd", sa.BigInteger, nullable=False),
)

key_charges = sa.Table(  # what each process's requests cost each key's budgets, in the days and months that run
    "key_charges",
    observations,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("boot_id", sa.Text, primary_key=True),
    sa.Column("nano_usd", sa.BigInteger, nullable=False),
)

counts = sa.Table(
    "counts",
    observations,
    sa.Column("release", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True),
    sa.Column("variant", sa.Text, primary_key=True),
    sa.Column("summary", sa.Text, nullable=False),  # registry.observations.Counted as JSON
)

pairs = sa.Table(
    "pairs",
    observations,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("started_at_us", sa.BigInteger, nullable=False),
    sa.Column("is_different", sa.Boolean, nullable=False),  # in text or outcome
    sa.Column("row", sa.Text, nullable=False),  # delivery.pairs.PairRecord as JSON
)
sa.Index("pairs_by_release", pairs.c.release, pairs.c.id)
sa.Index("pairs_by_request", pairs.c.request_id)

pair_counts = sa.Table(
    "pair_counts",
    observations,
    sa.Column("release", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("summary", sa.Text, nullable=False),  # registry.pairs.CountedPairs as JSON
)


traffic = sa.Table(
    "traffic",
    observations,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("period", sa.Integer, primary_key=True),  # seconds that the row covers
    sa.Column("start", sa.BigInteger, primary_key=True),  # seconds since the epoch
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("variant", sa.Text, primary_key=True),
    sa.Column("release", sa.Text, primary_key=True),  # "" outside releases
    sa.Column("tally", sa.Text, nullable=False),  # delivery.tally.Tally as JSON
)
sa.Index("traffic_by_age", traffic.c.period, traffic.c.start)

verdicts = sa.Table(
    "verdicts",
    observations,
    sa.Column("release", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, primary_key=True),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),  # basis points of the candidate
    sa.Column("verdicts", sa.Text, nullable=False),  # registry.verdicts.JudgedMetric as a JSON list
)

# The first request of each unit that may return: see registry.units.
units = sa.Table(
    "units",
    observations,
    sa.Column("release", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("unit_hash", sa.BigInteger, primary_key=True, autoincrement=False),  # signed
    sa.Column("is_compared", sa.Boolean, nullable=False),  # whether a coin of its step's share chose its variant
    sa.Column("rows", sa.Text, nullable=False),  # its Observations as JSON arrays
    sqlite_with_rowid=False,
)
