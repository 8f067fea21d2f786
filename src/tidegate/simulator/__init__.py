"""A scriptable model server that speaks both dialects: for tests, the demo, drills and benchmarks."""

from tidegate.simulator.document import load_scenario, parse_scenario
from tidegate.simulator.scenario import Behaviour, Scenario
from tidegate.simulator.server import Simulator, serve

__all__ = ["Behaviour", "Scenario", "Simulator", "load_scenario", "parse_scenario", "serve"]
