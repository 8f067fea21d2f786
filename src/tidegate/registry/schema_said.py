"""The tables of what was said of answers and what is kept of them; a part of :mod:`tidegate.registry.schema`.

64-bit hashes are signed, as databases hold them (:mod:`tidegate.registry.hashes`).
"""

from __future__ import annotations

import sqlalchemy as sa

from tidegate.registry.metadata import observations, state

feedback = sa.Table(
    "feedback",
    observations,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.Text, nullable=False),  # "" while only the unit is known
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("since_us", sa.BigInteger, nullable=False),  # when the first came whose place this one has taken
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("services", sa.Text, nullable=False),  # JSON list: those the key covers, empty for all
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("unit_hash", sa.BigInteger, nullable=False),
    sa.Column("micro", sa.BigInteger, nullable=True),  # yes is 10**6, a number its millionths
    sa.Column("category", sa.Text, nullable=True),  # "yes" and "no" for those
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("demonstration", sa.Text, nullable=False),
    sa.Column("standing", sa.Text, nullable=False),  # FeedbackStanding
    # what the request's observation said, once it is known
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("variant", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("served", sa.Text, nullable=False),
    sa.Column("served_version", sa.Text, nullable=False),
    sa.Column("counted", sa.SmallInteger, nullable=False),  # registry.observations.Counts
    sa.Column("vote", sa.Text, nullable=False),  # registry.feedback.stored.Ballot
)
_STANDS = feedback.c.standing.in_(["counted", "uncounted"])  # the others wait, or speak of nothing they may
sa.Index(
    "one_verdict_of_each_source",
    feedback.c.request_id,
    feedback.c.name,
    feedback.c.source,
    unique=True,
    sqlite_where=_STANDS,
    postgresql_where=_STANDS,
)
sa.Index("feedback_by_request", feedback.c.request_id, feedback.c.name, feedback.c.source)
sa.Index("feedback_by_service_time", feedback.c.service, feedback.c.at_us)
sa.Index("feedback_by_unit", feedback.c.unit_hash, feedback.c.name, feedback.c.since_us)
sa.Index(
    "pending_feedback",
    feedback.c.at_us,
    sqlite_where=feedback.c.standing == "pending",
    postgresql_where=feedback.c.standing == "pending",
)

feedback_once = sa.Table(  # idempotency keys of senders; a repetition changes nothing, even after later verdicts
    "feedback_once",
    observations,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("once", sa.Text, primary_key=True),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)

content = sa.Table(
    "content",
    observations,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),  # wire.prompt_text.Turn as a JSON list
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("is_cut", sa.Boolean, nullable=False),
    sa.Column("is_redacted", sa.Boolean, nullable=False),
    sa.Column("expires_at_us", sa.BigInteger, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),  # characters of both texts
    sa.Column("unit_hash", sa.BigInteger, nullable=False),
    sa.Column("user_hash", sa.BigInteger, nullable=False),
    sa.Column("conversation_hash", sa.BigInteger, nullable=False),
)
sa.Index("content_by_request", content.c.request_id, unique=True)
sa.Index("content_by_expiry", content.c.expires_at_us, content.c.size)
sa.Index("content_by_unit", content.c.unit_hash)
sa.Index("content_by_user", content.c.user_hash)
sa.Index("content_by_conversation", content.c.conversation_hash)

erasures = sa.Table(  # what was to be erased stays erased, also when it arrives later from a spool
    "erasures",
    observations,
    sa.Column("subject_hash", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),  # nothing from before this is kept
)

judges = sa.Table(
    "judges",
    state,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),  # delivery.judging.JudgeSpec as JSON
    sa.Column("updated_at", sa.Text, nullable=False),
)

judgements = sa.Table(
    "judgements",
    observations,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("judge", sa.Text, nullable=False),
    sa.Column("judge_version", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("variant", sa.Text, nullable=False),
    sa.Column("unit_hash", sa.BigInteger, nullable=False),
    sa.Column("counted", sa.SmallInteger, nullable=False),  # registry.observations.Counts
    sa.Column("micro", sa.BigInteger, nullable=False),  # score in millionths
    sa.Column("candidate_first", sa.Text, nullable=False),  # preference in each order, "" for a score
    sa.Column("candidate_second", sa.Text, nullable=False),
)
sa.Index("one_judgement_of_each_judge", judgements.c.request_id, judgements.c.judge, unique=True)
sa.Index("judgements_by_release", judgements.c.release, judgements.c.attempt, judgements.c.judge)
sa.Index("judgements_by_judge", judgements.c.judge, judgements.c.at_us)
