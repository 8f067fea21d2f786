from datetime import timedelta

import msgspec
import pytest
from tests.delivery.release_world import NEW, START, World

from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.alerts import FiredAlert, addressee
from tidegate.delivery.release import Phase, SubPhase

ON = AlertSettings(enabled=True, match={"severity": "critical"})
LABELS = {"severity": "critical", "tidegate_service": "bot", "alertname": "Complaints"}


def alert(labels=LABELS, status="firing", after=60.0):
    document = {
        "status": status,
        "labels": dict(labels),
        "annotations": {"summary": "people complain"},
        "startsAt": (START + timedelta(seconds=after)).isoformat().replace("+00:00", "Z"),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus",
        "fingerprint": "abc",
    }
    return msgspec.convert(document, FiredAlert)


@pytest.fixture
def world():
    return World().reach(Phase.PROMOTING, SubPhase.SOAKING)


def test_an_alert_ends_the_release_of_its_service(world):
    found, why_not = addressee(alert(), ON, [world.state])
    assert (found, why_not) == (world.state, "")
    assert alert().sentence == "Complaints: people complain"


@pytest.mark.parametrize(
    ("given", "settings", "sentence"),
    [
        (alert(), AlertSettings(), "alerts end no release here"),
        (alert(status="resolved"), ON, "does not fire"),
        (alert({**LABELS, "severity": "warning"}), ON, "severity=critical"),
        (alert({"severity": "critical"}), ON, "neither tidegate_service nor"),
        (alert({**LABELS, "tidegate_service": "shop"}), ON, "no release"),
        (alert({**LABELS, "tidegate_release": "rel_9"}), ON, "no release"),
        (alert({**LABELS, "tidegate_version": "v9.9.9"}), ON, "not on trial"),
        (alert(after=-60), ON, "began before"),
    ],
)
def test_any_other_alert_ends_nothing_and_says_why(world, given, settings, sentence):
    found, why_not = addressee(given, settings, [world.state])
    assert found is None
    assert sentence in why_not


def test_the_version_may_be_named_in_full_or_without_its_service(world):
    for version in (NEW, NEW.partition("/")[2]):
        assert addressee(alert({**LABELS, "tidegate_version": version}), ON, [world.state])[0] == world.state


@pytest.mark.parametrize("place", [(Phase.PROMOTING, SubPhase.SOAKING), (Phase.DRAINING, None)])
def test_t9_and_t11_an_alert_rolls_back_with_an_incident(place):
    world = World(strategy={"direct": {"promote": {"keep_warm": "1h"}}}).reach(*place)
    decision = world.ask("alert", actor="alertmanager", reason="Complaints: people complain")
    assert decision.state.phase is Phase.ROLLING_BACK
    assert decision.state.breach.opens_incident
    assert decision.state.breach.sentence == "An alert was raised: Complaints: people complain"


def test_t3_an_alert_before_traffic_rejects():
    world = World().reach(Phase.GATING)
    assert world.ask("alert", reason="x").state.phase is Phase.REJECTED
