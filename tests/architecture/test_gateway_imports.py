from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "aiosqlite",
    "alembic",
    "asyncpg",
    "fastapi",
    "httpx2",
    "numpy",
    "obstore",
    "pydantic",
    "scipy",
    "sqlalchemy",
    "starlette",
    "tidegate.api",
    "tidegate.controller",
    "tidegate.registry",
    "tidegate.stats",
    "typer",
    "uvicorn",
)
PROBE = """
import sys
import tidegate.cli.gateway_process
import tidegate.wire.translate
print("\\n".join(sys.modules))
"""


def test_a_gateway_process_loads_no_database_no_web_framework_and_nothing_of_control():
    loaded = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout.split()
    assert "tidegate.gateway.pipeline" in loaded
    assert sorted(set(loaded) & set(HEAVY)) == []
