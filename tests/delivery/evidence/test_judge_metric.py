"""What judges say, as a metric of a release."""

import pytest

from tidegate.delivery.evidence.metrics import estimate_of, samples_of
from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError


def declared(**guardrail):
    steps = [{"split": "50%", "soak": "1h"}]
    document = {"kind": "Release", "service": "bot", "version": "v1", "strategy": {"canary": {"steps": steps}}}
    return parse_release(document | {"guardrails": [{"metric": "judge:kind", **guardrail}]}).guardrails[-1]


def test_it_is_the_mean_of_the_scores_under_the_judges_name():
    guardrail = declared(hard="< 0.4")
    said = {"judge:kind": Opinions.of(0.9) + Opinions.of(0.4), "kind": Opinions.of(0.0)}
    assert estimate_of(guardrail, Summary(opinions=said)) == pytest.approx(0.65)
    assert samples_of(guardrail, Summary(opinions=said)) == 2
    assert estimate_of(guardrail, Summary()) is None


@pytest.mark.parametrize("bound", [{"hard": "> 0.4"}, {"stat": "p95", "hard": "< 0.4"}, {}, {"max_increase": "5%"}])
def test_bounds_that_mean_nothing_are_refused(bound):
    with pytest.raises(InvalidInputError):
        declared(**bound)
