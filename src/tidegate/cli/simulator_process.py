"""Entry of the demo's simulator child: the port on standard input, the demo's models behind it."""

from __future__ import annotations

import sys

from tidegate.cli.child import become_child
from tidegate.simulator import serve
from tidegate.simulator.presets import demo_scenario


def main() -> None:
    """Serve until told to stop."""
    become_child()
    serve(demo_scenario(), "127.0.0.1", int(sys.stdin.readline()))


if __name__ == "__main__":
    main()
