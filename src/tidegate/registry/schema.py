"""The tables of durable truth, for SQLite and PostgreSQL alike.

Two databases: *state* (services, versions, releases, audit: few writes, each of them precious) and
*observations* (many writes, each of them replaceable), so that ingest never holds the lock a rollback
needs. Instants are UTC ISO-8601 text with microseconds, which sorts; documents are canonical JSON text.
Migrations in ``migrations/`` are the history of this file.
"""

from __future__ import annotations

import sqlalchemy as sa

from tidegate.registry.metadata import observations, state
from tidegate.registry.schema_said import content, erasures, feedback, feedback_once, judgements, judges

__all__ = ["content", "erasures", "feedback", "feedback_once", "judgements", "judges", "observations", "state"]


def _to_version(name: str) -> sa.ForeignKey:
    """Services and versions refer to each other, so one direction is added after both tables exist."""
    return sa.ForeignKey("versions.ref", name=name, use_alter=True)


cluster = sa.Table(
    "cluster",
    state,
    sa.Column("id", sa.Integer, primary_key=True),  # the one row, 1
    sa.Column("epoch", sa.Integer, nullable=False),  # rises with each leader
    sa.Column("revision", sa.Integer, nullable=False),  # of the published snapshot
    sa.Column("leader", sa.Text, nullable=False),
    sa.Column("lease_until", sa.Text, nullable=False),
    sa.Column("mac_key", sa.Text, nullable=False),
    sa.Column("gateways", sa.Text, nullable=False),  # JSON list: who may be serving, for the next leader to reckon with
)

providers = sa.Table(
    "providers",
    state,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),  # ProviderSpec as JSON, credential as a reference
    sa.Column("updated_at", sa.Text, nullable=False),
)

keys = sa.Table(
    "keys",
    state,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    sa.Column("roles", sa.Text, nullable=False),  # JSON list
    sa.Column("services", sa.Text, nullable=False),  # JSON list
    sa.Column("limits", sa.Text),  # KeyLimits as JSON, NULL without any
    sa.Column("source", sa.Text, nullable=False),  # configuration | api
    sa.Column("created_at", sa.Text, nullable=False),
)

services = sa.Table(
    "services",
    state,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),  # ServiceSpec as JSON
    sa.Column("stable", sa.Text, _to_version("services_stable"), nullable=True),
    sa.Column("previous_stable", sa.Text, _to_version("services_previous_stable"), nullable=True),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # compare-and-swap
)

versions = sa.Table(
    "versions",
    state,
    sa.Column("ref", sa.Text, primary_key=True),  # support-bot/v1.4.0-3fa9c1d2
    sa.Column("service", sa.Text, sa.ForeignKey("services.name"), nullable=False),
    sa.Column("major", sa.Integer, nullable=False),
    sa.Column("minor", sa.Integer, nullable=False),
    sa.Column("patch", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # sha256 hex of the canonical manifest
    sa.Column("manifest", sa.Text, nullable=False),  # [[path, mode, sha256, size], ...] sorted by path
    sa.Column("bundle", sa.Text, nullable=False),  # delivery.bundle.Bundle as JSON
    sa.Column("lineage", sa.Text, nullable=False),
    sa.Column("unstable", sa.Text, nullable=True),  # why, when a release of it was rolled back
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.UniqueConstraint("service", "major", "minor", "patch"),
    sa.UniqueConstraint("service", "digest"),
)

releases = sa.Table(
    "releases",
    state,
    sa.Column("id", sa.Text, primary_key=True),  # rel_ + sortable
    sa.Column("service", sa.Text, sa.ForeignKey("services.name"), nullable=False),
    sa.Column("candidate", sa.Text, sa.ForeignKey("versions.ref"), nullable=False),
    sa.Column("stable", sa.Text, nullable=True),  # at submission
    sa.Column("spec", sa.Text, nullable=False),  # ReleaseSpec as JSON
    sa.Column("state", sa.Text, nullable=False),  # delivery.release.ReleaseState as JSON
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("is_running", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text, nullable=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # compare-and-swap
)
# I3, held by the database itself: one running release a service (pending ones may queue behind it).
sa.Index(
    "one_running_release",
    releases.c.service,
    unique=True,
    sqlite_where=sa.and_(releases.c.is_running, releases.c.phase != "pending"),
    postgresql_where=sa.and_(releases.c.is_running, releases.c.phase != "pending"),
)
sa.Index("releases_by_service", releases.c.service, releases.c.id)
sa.Index("releases_by_candidate", releases.c.candidate, releases.c.id)
sa.Index(
    "unfinished_releases",
    releases.c.id,
    sqlite_where=releases.c.is_running,
    postgresql_where=releases.c.is_running,
)

intents = sa.Table(
    "intents",
    state,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("release", sa.Text, sa.ForeignKey("releases.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("accepted_at", sa.Text, nullable=False),
    sa.Column("consumed_at", sa.Text, nullable=True),
)
sa.Index(
    "open_intents",
    intents.c.release,
    sqlite_where=intents.c.consumed_at.is_(None),
    postgresql_where=intents.c.consumed_at.is_(None),
)

evaluations = sa.Table(
    "evaluations",
    state,
    sa.Column("id", sa.Text, primary_key=True),  # evl_ + sortable
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("version", sa.Text, sa.ForeignKey("versions.ref"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("release", sa.Text, nullable=False),  # "" where somebody asked
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text, nullable=True),
    sa.Column("verdict", sa.Text, nullable=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("score", sa.Float, nullable=True),
    sa.Column("samples", sa.Integer, nullable=True),
    sa.Column("excerpt", sa.Text, nullable=False),
)
sa.Index("evaluations_by_version", evaluations.c.version, evaluations.c.id)
sa.Index("evaluations_by_service", evaluations.c.service, evaluations.c.id)

prompts = sa.Table(
    "prompts",
    state,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # delivery.bundle.PromptSpec as canonical JSON
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.UniqueConstraint("name", "digest"),
)

prompt_labels = sa.Table(
    "prompt_labels",
    state,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)

freezes = sa.Table(
    "freezes",
    state,
    sa.Column("scope", sa.Text, primary_key=True),  # a service's name, or "*"
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
)

incidents = sa.Table(
    "incidents",
    state,
    sa.Column("id", sa.Text, primary_key=True),  # inc_ + sortable
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("variant", sa.Text, nullable=False),  # an arm taken out alone, "" for the whole release
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("timeline", sa.Text, nullable=False),  # [{code, at, sentence, gateway?}, …] of the way back
    sa.Column("exposed_requests", sa.Integer, nullable=False),
    sa.Column("exposed_units", sa.Integer, nullable=False),
    sa.Column("time_to_stable_seconds", sa.Float, nullable=True),
    sa.Column("opened_at", sa.Text, nullable=False),
    sa.Column("closed_at", sa.Text, nullable=True),
    sa.Column("notes", sa.Text, nullable=False),  # [{at, actor, text}, …]
)
sa.Index("incidents_by_time", incidents.c.opened_at)

audit = sa.Table(
    "audit",
    state,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # version.pushed, release.started, ...
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),  # hash of the row before
    sa.Column("hash", sa.Text, nullable=False),
)
sa.Index("audit_by_subject", audit.c.subject, audit.c.seq)

outbox = sa.Table(
    "outbox",
    state,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sink", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("dedupe_key", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("sent_at", sa.Text, nullable=True),
    sa.Column("error", sa.Text, nullable=False),  # of the latest attempt
    sa.Column("dead_at", sa.Text, nullable=True),  # when it was given up
)
sa.Index("outbox_by_sink", outbox.c.sink, outbox.c.sent_at)

idempotency = sa.Table(
    "idempotency",
    state,
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_digest", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("response", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
)

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
