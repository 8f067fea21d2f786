"""What the how-to pages show can be used as it stands."""

import re
from pathlib import Path

import pytest

from tidegate.controller.declared import read_declared
from tidegate.documents import parse_documents
from tidegate.simulator.verdict import verdict_on

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["how-to/judges.md", "explanation/privacy.md"]


@pytest.mark.parametrize("page", PAGES)
def test_configurations_on_the_pages_are_accepted(page):
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        declared = read_declared(parse_documents(block, page))
        assert declared.services
        assert all(service.spec.content.keep in {"off", "redacted"} for service in declared.services)


def test_the_scripted_judge_of_the_page_judges():
    from tidegate.simulator.scenario import JudgeScript

    script = JudgeScript(scores={"sorry": 0.2, "parcel": 0.9}, otherwise=0.5, first_place=0.3)
    assert verdict_on(script, '{"answer": "your parcel is here"}') == {"score": 0.9}
    assert verdict_on(script, '{"first": "hm", "second": "hm"}') == {"better": "first"}
    assert verdict_on(script, '{"first": "sorry", "second": "parcel"}') == {"better": "second"}
    assert verdict_on(script, "hello") is verdict_on(script, "[1]") is verdict_on(script, '{"first": "x"}') is None
