"""The tables of durable truth, for SQLite and PostgreSQL alike.

Two databases: *state* (services, versions, releases, audit: few writes, each of them precious) and
*observations* (many writes, each of them replaceable), so that ingest never holds the lock a rollback
needs. Instants are UTC ISO-8601 text with microseconds, which sorts; documents are canonical JSON text.
Migrations in ``migrations/`` are the history of this file.
"""

from __future__ import annotations

import sqlalchemy as sa

from tidegate.registry.metadata import observations, state
from tidegate.registry.schema_observed import (
    arrivals,
    batches,
    counts,
    key_charges,
    key_spending,
    pair_counts,
    pairs,
    requests,
    traffic,
    units,
    verdicts,
)
from tidegate.registry.schema_said import content, erasures, feedback, feedback_once, judgements, judges

__all__ = [
    "arrivals",
    "batches",
    "content",
    "counts",
    "erasures",
    "feedback",
    "feedback_once",
    "judgements",
    "judges",
    "key_charges",
    "key_spending",
    "observations",
    "pair_counts",
    "pairs",
    "requests",
    "state",
    "traffic",
    "units",
    "verdicts",
]


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
