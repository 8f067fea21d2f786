"""Tables are aligned, lines stay whole, and quantities read well."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta

import pytest
from rich.text import Text

from tidegate.cli.output import fields, print_json, print_lines, table
from tidegate.cli.wording import dollars, duration, microseconds, moment, parse_duration, relative, share, size, verdict
from tidegate.errors import InvalidInputError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def printed(lines) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        print_lines(lines)
    return out.getvalue()


def test_a_table_aligns_text_to_the_left_and_numbers_to_the_right():
    rows = [["a", "5", "x"], ["longer", "1200", Text("✔ ok", style="green")]]
    assert printed(table(["name", "count", "state"], rows, numbers={1})) == (
        "NAME    COUNT  STATE\na           5  x\nlonger   1200  ✔ ok\n"
    )


def test_wide_characters_count_as_they_are_shown():
    assert printed(table(["a", "b"], [["漢字", "x"], ["abcd", "y"]])).splitlines()[1:] == ["漢字  x", "abcd  y"]


def test_lines_are_never_folded_coloured_or_read_as_markup_when_piped():
    long = "[red]" + "reference-" * 60 + ":smile: 'quoted' 12345"
    assert printed([long, Text("green", style="green")]) == f"{long}\ngreen\n"


def test_fields_are_aligned():
    assert printed(fields([("a", "1"), ("long", "2"), ("", "3")])) == "  a     1\n  long  2\n        3\n"


def test_json_is_one_document_with_instants_in_utc():
    out = io.StringIO()
    with redirect_stdout(out):
        print_json({"at": NOW, "all": (1, 2)})
        print_json({"at": NOW}, is_line=True)
    assert out.getvalue() == (
        '{\n  "at": "2026-11-21T12:00:00Z",\n  "all": [\n    1,\n    2\n  ]\n}\n{"at":"2026-11-21T12:00:00Z"}\n'
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0123, "12 ms"),
        (1.25, "1.2 s"),
        (9, "9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (250, "4 min 10 s"),
        (7_500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_instants_are_told_twice():
    assert moment(NOW - timedelta(seconds=182), NOW) == "2026-11-21 11:56:58Z, 3 min 2 s ago"
    assert relative(NOW + timedelta(seconds=12), NOW) == "in 12 s"
    assert relative(NOW, NOW) == "now"
    assert moment(None, NOW) == "-"


def test_shares_sizes_and_money():
    assert [share(value) for value in (0, 1, 250, 500, 10_000)] == ["0%", "0.01%", "2.5%", "5%", "100%"]
    assert [size(value) for value in (0, 999, 4_200, 13_000_000_000)] == ["0 B", "999 B", "4.2 kB", "13.0 GB"]
    assert dollars(1_500_000) == "$0.001500"
    assert dollars(-1) == microseconds(-1) == "-"


def test_verdicts_are_words_and_shapes():
    assert [verdict(word).plain for word in ("pass", "fail", "inconclusive", "no_data", None)] == [
        "✔ pass",
        "✖ fail",
        "◐ inconclusive",
        "○ no data",
        "-",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5", 1.5), ("30s", 30), ("1h30m", 5_400), ("250ms", 0.25)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 parsecs", "1.2.3"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InvalidInputError):
        parse_duration(text)
