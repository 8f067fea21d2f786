"""Writes the page of clients from a JUnit report: ``python -m tests.clients.table REPORT > PAGE``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from tests.e2e.clients.features import FEATURES

PAGE = """# Clients

Every mark on this page is a test against a running gateway process: the client is given the gateway's address
and a key of its own, nothing else, and simulated models stand behind it. `make test-clients` runs them all and
writes this page.

✓ works · refused: the gateway answers 400 with one sentence that says why and what to do · ✗ failed in the last
run · empty: the client has no such feature, or it is not tested.

{tables}

## What crosses a change of dialect, and what does not

- Between equal dialects bytes pass through, and fields the gateway does not know go with them. Between different
  ones requests, answers, streams, tools, pictures, structured output, usage and errors are translated.
- Embeddings, plain completions and the Responses API have no counterpart at an Anthropic provider.
- Reasoning is shown only to clients of the dialect it was made in, and goes back to nobody but its maker; its tokens are
  counted either way.
- Tokens are counted by an Anthropic provider itself; towards an OpenAI provider the gateway answers
  `count_tokens` with an estimate of its own and asks nobody.
- Conversations kept by an Anthropic provider (`thread`) are refused in front of an OpenAI provider, with the code on
  which Anthropic's clients go on by sending the whole conversation.
- Client headers that select features (`anthropic-beta`, `anthropic-version`, `openai-beta`) go to providers of the
  same dialect, the trace context to all, credentials and cookies to none. A provider's rate limits come back, its
  request id as `x-upstream-request-id`.
"""
DIALECTS = {"openai": "an OpenAI provider", "anthropic": "an Anthropic provider"}
REFUSED = " refused"

Marks = dict[tuple[str, str, str], bool]


def checks_of(report: str) -> Iterator[tuple[dict[str, str], bool]]:
    """Every check in a report, and whether it passed."""
    for case in ET.parse(report).iter("testcase"):
        has_failed = case.find("failure") is not None or case.find("error") is not None
        for entry in case.iter("property"):
            if entry.get("name") == "check":
                check = json.loads(entry.get("value", ""))
                yield check, not check["error"] if "error" in check else not has_failed


def gathered(report: str) -> tuple[Marks, dict[str, str]]:
    """Marks by client, feature and upstream (all its checks passed), and versions by client."""
    marks: Marks = defaultdict(lambda: True)
    versions: dict[str, str] = {}
    for check, is_passed in checks_of(report):
        versions[check["client"]] = check["version"]
        marks[check["client"], check["feature"], check["upstream"]] &= is_passed
    return dict(marks), versions


def table(marks: Marks, versions: dict[str, str], upstream: str) -> str:
    """One Markdown table: features down, clients across."""
    clients = sorted(versions, key=str.lower)
    features = dict.fromkeys(feature.removesuffix(REFUSED) for feature in FEATURES.values())
    lines = [
        f"## In front of {DIALECTS[upstream]}",
        "",
        " | ".join(["| feature", *(f"{client} {versions[client]}" for client in clients)]) + " |",
        "|---" * (len(clients) + 1) + "|",
    ]
    for feature in features:
        cells = [_cell(marks, client, feature, upstream) for client in clients]
        if any(cells):
            lines.append(" | ".join([f"| {feature}", *cells]) + " |")
    return "\n".join(lines)


def _cell(marks: Marks, client: str, feature: str, upstream: str) -> str:
    for name, sign in ((feature, "✓"), (feature + REFUSED, "refused")):
        is_passed = marks.get((client, name, upstream))
        if is_passed is not None:
            return sign if is_passed else "✗"
    return ""


def main(report: str) -> None:
    """Write the page to standard output."""
    marks, versions = gathered(report)
    tables = "\n\n".join(table(marks, versions, upstream) for upstream in DIALECTS)
    sys.stdout.write(PAGE.format(tables=tables))


if __name__ == "__main__":
    main(sys.argv[1])
