"""The first tables.

There are no downgrades: to go back, restore the backup that was taken before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "observations_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "arrivals",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service"),
    )
    op.create_table(
        "batches",
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("stored_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("boot_id", "sequence"),
    )
    op.create_table(
        "content",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("is_cut", sa.Boolean(), nullable=False),
        sa.Column("is_redacted", sa.Boolean(), nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("unit_hash", sa.BigInteger(), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), nullable=False),
        sa.Column("conversation_hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("content_by_conversation", "content", ["conversation_hash"], unique=False)
    op.create_index("content_by_expiry", "content", ["expires_at_us", "size"], unique=False)
    op.create_index("content_by_request", "content", ["request_id"], unique=True)
    op.create_index("content_by_unit", "content", ["unit_hash"], unique=False)
    op.create_index("content_by_user", "content", ["user_hash"], unique=False)
    op.create_table(
        "counts",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release", "attempt", "step", "round", "variant"),
    )
    op.create_table(
        "erasures",
        sa.Column("subject_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject_hash"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("services", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("unit_hash", sa.BigInteger(), nullable=False),
        sa.Column("micro", sa.BigInteger(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("demonstration", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("served", sa.Text(), nullable=False),
        sa.Column("served_version", sa.Text(), nullable=False),
        sa.Column("counted", sa.SmallInteger(), nullable=False),
        sa.Column("vote", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("feedback_by_request", "feedback", ["request_id", "name", "source"], unique=False)
    op.create_index("feedback_by_service_time", "feedback", ["service", "at_us"], unique=False)
    op.create_index("feedback_by_unit", "feedback", ["unit_hash", "name", "since_us"], unique=False)
    op.create_index(
        "one_verdict_of_each_source",
        "feedback",
        ["request_id", "name", "source"],
        unique=True,
        sqlite_where=sa.text("standing IN ('counted', 'uncounted')"),
        postgresql_where=sa.text("standing IN ('counted', 'uncounted')"),
    )
    op.create_index(
        "pending_feedback",
        "feedback",
        ["at_us"],
        unique=False,
        sqlite_where=sa.text("standing = 'pending'"),
        postgresql_where=sa.text("standing = 'pending'"),
    )
    op.create_table(
        "feedback_once",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("once", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "once"),
    )
    op.create_table(
        "judgements",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("judge", sa.Text(), nullable=False),
        sa.Column("judge_version", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("unit_hash", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.SmallInteger(), nullable=False),
        sa.Column("micro", sa.BigInteger(), nullable=False),
        sa.Column("candidate_first", sa.Text(), nullable=False),
        sa.Column("candidate_second", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("judgements_by_judge", "judgements", ["judge", "at_us"], unique=False)
    op.create_index("judgements_by_release", "judgements", ["release", "attempt", "judge"], unique=False)
    op.create_index("one_judgement_of_each_judge", "judgements", ["request_id", "judge"], unique=True)
    op.create_table(
        "key_charges",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("nano_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period", "key", "boot_id"),
    )
    op.create_table(
        "key_spending",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "day"),
    )
    op.create_table(
        "pair_counts",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release", "attempt", "step"),
    )
    op.create_table(
        "pairs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("is_different", sa.Boolean(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("pairs_by_request", "pairs", ["request_id"], unique=False)
    op.create_index("pairs_by_release", "pairs", ["release", "id"], unique=False)
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("started_at_us", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("unit_hash", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.SmallInteger(), nullable=False),
        sa.Column("is_rated", sa.Boolean(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "costly_requests",
        "requests",
        ["started_at_us"],
        unique=False,
        sqlite_where=sa.text("cost_nano_usd >= 100000000"),
        postgresql_where=sa.text("cost_nano_usd >= 100000000"),
    )
    op.create_index(
        "rated_requests",
        "requests",
        ["started_at_us"],
        unique=False,
        sqlite_where=sa.text("is_rated"),
        postgresql_where=sa.text("is_rated"),
    )
    op.create_index("requests_by_request_id", "requests", ["request_id"], unique=False)
    op.create_index("requests_by_service_time", "requests", ["service", "started_at_us", "unit_hash"], unique=False)
    op.create_index("requests_by_time", "requests", ["started_at_us"], unique=False)
    op.create_index(
        "requests_of_releases",
        "requests",
        ["release", "started_at_us"],
        unique=False,
        sqlite_where=sa.text("release <> ''"),
        postgresql_where=sa.text("release <> ''"),
    )
    op.create_index(
        "requests_that_failed",
        "requests",
        ["outcome", "started_at_us"],
        unique=False,
        sqlite_where=sa.text("outcome <> 'ok'"),
        postgresql_where=sa.text("outcome <> 'ok'"),
    )
    op.create_index(
        "slow_requests",
        "requests",
        ["started_at_us"],
        unique=False,
        sqlite_where=sa.text("duration_us >= 10000000"),
        postgresql_where=sa.text("duration_us >= 10000000"),
    )
    op.create_table(
        "traffic",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service", "period", "start", "version", "variant", "release"),
    )
    op.create_index("traffic_by_age", "traffic", ["period", "start"], unique=False)
    op.create_table(
        "units",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("unit_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_compared", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release", "attempt", "step", "unit_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verdicts",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release", "attempt", "at"),
    )
