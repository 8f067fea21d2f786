"""Run by alembic for each command; the connection and its transaction are the caller's."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes["metadata"],
    version_table=attributes["version_table"],
    compare_server_default=True,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
context.run_migrations()
