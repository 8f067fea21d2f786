"""The console script ``tidegate``: reads the command line, does it, and says how it ended."""

from __future__ import annotations

import sys
from typing import NoReturn

from tidegate import __version__
from tidegate.cli.failures import guarded

EXIT_CODES = (
    (0, "done"),
    (1, "failed"),
    (2, "wrong use: an option, argument or file that must be changed"),
    (3, "`wait`: rolled back, rejected or superseded"),
    (4, "`wait`: paused (not while awaiting approval)"),
    (5, "`wait`: timed out"),
    (130, "interrupted by Ctrl-C"),
)


def run() -> NoReturn:
    """Entry of the console script."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a shape that a locale lacks is no failure
    if sys.argv[1:] == ["--version"]:  # asked by scripts; not worth composing every command
        sys.stdout.write(f"tidegate {__version__}\n")
        sys.exit(0)
    sys.exit(guarded(_command_line))


def _command_line() -> int | None:
    from tidegate.cli.app import make_app  # noqa: PLC0415 - inside the guard, so that even now Ctrl-C is quiet

    code: int | None = make_app()(prog_name="tidegate", standalone_mode=False)
    return code


if __name__ == "__main__":
    run()
