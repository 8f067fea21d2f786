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
    "tidegate.config",
    "tidegate.controller",
    "tidegate.registry",
    "tidegate.stats",
    "typer",
    "uvicorn",
    "yaml",
)
PROBE = """
import sys
import tidegate.cli.gateway_process
import tidegate.wire.translate
print("\\n".join(sys.modules))
"""

AS_STARTED = """
import runpy, sys
try:
    runpy.run_module("tidegate.cli.gateway_process", run_name="__main__")
except ValueError:  # there are no settings on standard input
    print("\\n".join(name for name, module in sys.modules.items() if module))
"""


def test_a_gateway_process_loads_no_database_no_web_framework_and_nothing_of_control():
    loaded = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout.split()
    assert "tidegate.gateway.pipeline" in loaded
    assert sorted(set(loaded) & set(HEAVY)) == []


def test_what_libraries_take_along_and_a_gateway_never_needs_is_not_loaded():
    command = [sys.executable, "-c", AS_STARTED]
    loaded = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "structlog" in loaded
    assert {"rich", "pygments", "greenlet", "typing_extensions"}.isdisjoint(loaded)
