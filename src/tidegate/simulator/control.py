"""The control surface ``/simulator/…``: read and change a running simulator over HTTP.

GET   /simulator/scenario            what is served, patches included
PUT   /simulator/scenario            serve another (YAML or JSON)
PATCH /simulator/models/NAME         merge settings into one model's behaviour; its counts start anew
GET   /simulator/stats               counts
GET   /simulator/requests?limit=N    the last requests with headers and bodies, oldest first
POST  /simulator/reset               forget requests and counts, keep the scenario
POST  /simulator/outage              {"seconds": N}: refuse connections that long, this surface included
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import yaml

from tidegate.errors import CallerError, InvalidInputError, NotFoundError
from tidegate.simulator.document import parse_scenario, patch_behaviour
from tidegate.simulator.journal import Inbound
from tidegate.simulator.scenario import Behaviour
from tidegate.simulator.simulation import Simulation

PREFIX = "/simulator/"


def control(
    simulation: Simulation, inbound: Inbound, now: float, start_outage: Callable[[float], None]
) -> tuple[int, Any]:
    """Serve one control request.

    Args:
        simulation: what is controlled.
        inbound: the request.
        now: monotonic seconds.
        start_outage: refuses connections for so many seconds, from when the answer is out.

    Returns:
        Status and JSON document.
    """
    url = urlsplit(inbound.path)
    try:
        return 200, _dispatch(simulation, inbound, url.path.removeprefix(PREFIX), url.query, now, start_outage)
    except CallerError as error:
        return error.status, {"error": {"code": error.code, "message": str(error)}}


def _dispatch(
    simulation: Simulation,
    inbound: Inbound,
    name: str,
    query: str,
    now: float,
    start_outage: Callable[[float], None],
) -> Any:
    match inbound.method, name:
        case "GET", "scenario":
            return simulation.scenario
        case "PUT", "scenario":
            simulation.use(parse_scenario(inbound.body, where="request body"), now)
            return simulation.scenario
        case "PATCH", _ if name.startswith("models/"):
            return patch_model(simulation, unquote(name.removeprefix("models/")), _content(inbound), now)
        case "GET", "stats":
            return simulation.journal.stats()
        case "GET", "requests":
            return simulation.journal.recent(_limit(query))
        case "POST", "reset":
            simulation.reset(now)
            return simulation.journal.stats()
        case "POST", "outage":
            seconds = _seconds(_content(inbound))
            start_outage(seconds)
            return {"seconds": seconds}
    raise NotFoundError(f"There is no {inbound.method} {PREFIX}{name}.")


def patch_model(simulation: Simulation, model: str, changes: Any, now: float) -> Behaviour:
    """Merge settings into a model's behaviour; a model nothing fits yet starts from the defaults.

    Raises:
        InvalidInputError: an unknown setting or an unsound value.
    """
    if not isinstance(changes, dict):
        raise InvalidInputError("A patch is an object of settings.", where=model)
    behaviour = patch_behaviour(simulation.roster.peek(model) or Behaviour(), changes, where=f"models.{model}")
    simulation.roster.replace(model, behaviour, now)
    return behaviour


def _content(inbound: Inbound) -> Any:
    try:
        return msgspec.yaml.decode(inbound.body)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The body is neither JSON nor YAML: {error}.", where="request body") from None


def _limit(query: str) -> int:
    given = parse_qs(query).get("limit", ["100"])[0]
    if not given.isdigit():
        raise InvalidInputError(f"`limit` is a whole number, not {given!r}.", where="query")
    return int(given)


def _seconds(content: Any) -> float:
    seconds = content.get("seconds") if isinstance(content, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 3600:
        raise InvalidInputError("An outage needs `seconds` above 0, at most 3600.", where="request body")
    return float(seconds)
