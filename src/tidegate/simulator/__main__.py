"""``python -m tidegate.simulator``: serve a scenario until told to stop."""

from __future__ import annotations

import argparse
import sys

from tidegate.errors import TidegateError
from tidegate.simulator.document import load_scenario
from tidegate.simulator.presets import demo_scenario
from tidegate.simulator.server import serve


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve.

    Returns:
        The exit code: 0 after a clean stop, 2 if the scenario or address is wrong.
    """
    parser = argparse.ArgumentParser(prog="tidegate.simulator", description="A simulated model server.")
    parser.add_argument("--scenario", help="YAML or JSON file; default: the demo's models")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8089, help="0 takes a free one (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        scenario = load_scenario(options.scenario) if options.scenario else demo_scenario()
        serve(scenario, options.host, options.port, _announce)
    except TidegateError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(f"simulator serving at {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
