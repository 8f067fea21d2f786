"""The page of clients is what the report says."""

from __future__ import annotations

import json
from xml.sax.saxutils import quoteattr

from tests.clients.table import gathered, main, table


def case(*checks: dict, is_failed: bool = False) -> str:
    properties = "".join(f'<property name="check" value={quoteattr(json.dumps(check))}/>' for check in checks)
    return f"<testcase><properties>{properties}</properties>{'<failure/>' if is_failed else ''}</testcase>"


def check(feature: str, upstream: str = "openai", client: str = "one", **more) -> dict:
    return {"client": client, "version": "1.2", "feature": feature, "upstream": upstream} | more


def report(tmp_path, *cases: str) -> str:
    path = tmp_path / "report.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return str(path)


def test_a_feature_works_when_all_its_tests_pass(tmp_path):
    cases = (case(check("chat")), case(check("chat"), is_failed=True), case(check("tools")))
    marks, versions = gathered(report(tmp_path, *cases))
    assert marks == {("one", "chat", "openai"): False, ("one", "tools", "openai"): True}
    assert versions == {"one": "1.2"}


def test_a_process_with_many_checks_tells_each_ones_own_outcome(tmp_path):
    checks = (check("chat", error=None), check("tools", error="Error: no"))
    marks, _ = gathered(report(tmp_path, case(*checks, is_failed=True)))
    assert marks == {("one", "chat", "openai"): True, ("one", "tools", "openai"): False}


def test_cells_say_works_refused_failed_or_nothing(tmp_path):
    cases = (
        case(check("chat")),
        case(check("chat", client="two"), is_failed=True),
        case(check("embeddings refused")),
        case(check("usage", "anthropic")),
    )
    marks, versions = gathered(report(tmp_path, *cases))
    assert table(marks, versions, "openai").splitlines()[2:] == [
        "| feature | one 1.2 | two 1.2 |",
        "|---|---|---|",
        "| chat | ✓ | ✗ |",
        "| embeddings | refused |  |",
    ]
    assert "usage | ✓" in table(marks, versions, "anthropic")


def test_the_page_has_a_table_for_each_dialect(tmp_path, capsys):
    main(report(tmp_path, case(check("chat")), case(check("chat", "anthropic"))))
    page = capsys.readouterr().out
    assert page.count("| chat | ✓ |") == 2
    assert "## In front of an Anthropic provider" in page
