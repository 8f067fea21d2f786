"""The two databases as SQLAlchemy knows them: which tables belong together."""

from __future__ import annotations

import sqlalchemy as sa

state = sa.MetaData()
observations = sa.MetaData()
