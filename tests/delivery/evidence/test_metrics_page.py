"""The page of metrics holds the table that the product reads, and its examples are accepted."""

import re
from pathlib import Path

import yaml

from tidegate.config import parse_settings
from tidegate.delivery.drift import PREFIX, SIGNALS, index_meaning
from tidegate.delivery.evidence.metrics import TABLE, WIN_RATE_METRIC, Metric, feedback_metric, judge_metric
from tidegate.delivery.release_file import parse_release

PAGE = Path(__file__).parents[3] / "docs/explanation/metrics.md"
BEGIN, END = "<!-- table -->\n", "<!-- /table -->\n"


def line(metric: Metric) -> str:
    return f"| `{metric.name}` | {metric.kind} | {metric.unit} | {metric.harm} | {metric.stat or ''} | {metric.meaning} |\n"


def rendered() -> str:
    head = "| metric | kind | unit | harm | of | what it is |\n|---|---|---|---|---|---|\n"
    drifts = "".join(
        f"| `{PREFIX}{signal.name}` | index |  | increase |  | {index_meaning(signal)} |\n" for signal in SIGNALS
    )
    return (
        head
        + "".join(map(line, (*TABLE, feedback_metric("NAME", None), judge_metric("NAME"), WIN_RATE_METRIC)))
        + drifts
    )


def test_the_page_holds_the_table():
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    assert text == f"{before}{BEGIN}{rendered()}{END}{after}", "put rendered() between the marks"


def test_the_examples_are_accepted():
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        document = yaml.safe_load(example)
        if "metrics" in document:
            parse_settings(example, source="t", environ={"CRM_TOKEN": "x"}, folder=Path())
        else:
            parse_release({"service": "bot", "version": "v1", "strategy": "canary", **document})
