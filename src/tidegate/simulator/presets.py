"""Ready-made scenarios."""

from __future__ import annotations

from tidegate.simulator.faults import Error
from tidegate.simulator.scenario import Behaviour, Change, Lognormal, Scenario, Uniform

_ANSWERS = (
    "You can change the delivery address until the parcel leaves our warehouse. Open the order and choose Edit.",
    "A refund reaches your account within five working days after the parcel is back with us.",
    "Please restart the router first. If the light stays red, send us the serial number and we will replace it.",
    "Your invoice is in the customer area under Documents, where you can also download last year's as a file.",
)

GOOD = Behaviour(
    answer=_ANSWERS,
    choose="random",
    tokens=Uniform(20, 30),
    first_token_seconds=Lognormal(0.120, 0.35),
    token_seconds=Lognormal(0.012, 0.25),
)

BETTER = Behaviour(
    answer=_ANSWERS,
    choose="random",
    tokens=Uniform(15, 22),
    first_token_seconds=Lognormal(0.080, 0.30),
    token_seconds=Lognormal(0.008, 0.25),
)

WORDY = Behaviour(
    answer=tuple(f"{answer} {answer}" for answer in _ANSWERS),
    choose="random",
    tokens=Uniform(36, 60),
    first_token_seconds=Lognormal(0.140, 0.35),
    token_seconds=Lognormal(0.009, 0.25),
)

BROKEN = Behaviour(
    answer=_ANSWERS,
    choose="random",
    tokens=Uniform(20, 30),
    first_token_seconds=Lognormal(0.120, 0.35),
    token_seconds=Lognormal(0.012, 0.25),
    faults=(Error(status=500, probability=0.3, after_requests=5, message="The model crashed."),),
    later=(
        Change(
            after_requests=5,
            set={
                "first_token_seconds": {"kind": "lognormal", "median": 0.25, "sigma": 0.4},
                "token_seconds": {"kind": "lognormal", "median": 0.03, "sigma": 0.4},
            },
        ),
    ),
)

DEAD = Behaviour(faults=(Error(status=500, message="The model is not there."),))


def demo_scenario(seed: int = 0) -> Scenario:
    """The models of the demo.

    ``sim-good`` (first token about 120 ms, 25 tokens), ``sim-better`` (faster, shorter and so cheaper),
    ``sim-wordy`` (as good, but more than twice as long, and so dear), ``sim-broken`` (passes its first five requests, then fails 30 % and is slow), ``sim-dead`` (always 500).
    """
    models = {"sim-good": GOOD, "sim-better": BETTER, "sim-wordy": WORDY, "sim-broken": BROKEN, "sim-dead": DEAD}
    return Scenario(models=models, seed=seed)
