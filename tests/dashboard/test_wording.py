import pytest

from tidegate.dashboard import wording

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("filter_", "value", "shown"),
    [
        ("duration", 0.0421, "42 ms"),
        ("duration", 1.5, "1.5 s"),
        ("duration", 59.4, "59 s"),
        ("duration", 3600, "1 h"),
        ("duration", 90_061, "1 d 1 h"),
        ("duration", None, wording.UNKNOWN),
        ("microseconds", 450, "450 µs"),
        ("microseconds", 0, wording.UNKNOWN),
        ("percent", 0.0004, "0.04 %"),
        ("percent", 0.5, "50 %"),
        ("share", 25, "0.2 %"),
        ("share", 500, "5 %"),
        ("dollars", 0.0000164, "$0.000016"),
        ("dollars", 12.5, "$12.50"),
        ("dollars", 1234.5, "$1,234"),
        ("nano_dollars", -1, wording.UNKNOWN),
        ("number", 1234567, "1,234,567"),
        ("number", 0.0451, "0.045"),
        ("size", 4200, "4.2 kB"),
        ("short", "support-bot/v1.4.0-3fa9c1d2", "v1.4.0"),
        ("short", "fallback", "fallback"),
        ("words", "rolled_back", "rolled back"),
        ("metric_title", "ttft.p95", "TTFT p95"),
        ("metric_title", "cost_per_request.mean", "Cost per request, mean"),
    ],
)
def test_values_are_shown_as_people_read_them(filter_, value, shown):
    assert wording.FILTERS[filter_](value) == shown


def test_differences_have_the_unit_of_their_metric_and_bounds():
    assert wording.change(0.123, "error_rate") == "+12.3 points"
    assert wording.change(-0.05, "latency.p95") == f"{MINUS}5.0 %"
    assert wording.change(5e23, "latency.p95") == "over +999 %"
    assert wording.interval(-0.05, 0.2, "latency.p95") == f"{MINUS}5.0 to +20.0 %"
    assert wording.interval(None, 0.2, "error_rate") == "at most +20.0 points"
    assert wording.interval(None, None, "error_rate") == ""


def test_values_have_the_unit_of_their_metric():
    assert wording.measured(0.02, "error_rate") == "2 %"
    assert wording.measured(0.2, "ttft.p95") == "200 ms"
    assert wording.measured(0.5, "cost_per_request.mean") == "$0.50"
    assert wording.measured(12, "output_tokens.mean") == "12"
