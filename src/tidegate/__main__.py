"""``python -m tidegate`` is the command line."""

from __future__ import annotations

from tidegate.cli.main import run

if __name__ == "__main__":
    run()
