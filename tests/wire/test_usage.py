"""Token counts from each dialect's shapes."""

from __future__ import annotations

import pytest

from tidegate.wire.usage import Usage, read_anthropic_usage, read_openai_usage


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, None),
        ({}, None),
        ("x", None),
        ({"prompt_tokens": None, "completion_tokens": 0}, Usage(-1, 0, -1, -1)),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, Usage(5, -1, -1, -1)),
        ({"input_tokens": 5, "output_tokens": 6, "input_tokens_details": {"cached_tokens": 0}}, Usage(5, 6, 0, -1)),
    ],
)
def test_openai_counts(told, usage):
    assert read_openai_usage(told) == usage


def test_anthropic_input_is_everything_read():
    told = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 4}
    assert read_anthropic_usage(told) == Usage(321, 4, 20, -1)
    assert read_anthropic_usage({"input_tokens": 1, "output_tokens": 2}) == Usage(1, 2, -1, -1)


def test_a_later_report_replaces_only_what_it_tells():
    before = Usage(321, 1, 20, -1)
    assert read_anthropic_usage({"output_tokens": 9}, before) == Usage(321, 9, 20, -1)
    assert read_anthropic_usage(None, before) == before
    assert read_anthropic_usage({"output_tokens": "x"}, before) == before


@pytest.mark.parametrize("count", [-5, 2**31, 10**40])
def test_what_no_count_can_be_is_unknown(count):
    assert read_openai_usage({"prompt_tokens": count, "completion_tokens": count}) == Usage()
    assert read_anthropic_usage({"input_tokens": count, "output_tokens": count}) == Usage()
    assert read_anthropic_usage({"output_tokens": count}, Usage(3, 1)) == Usage(3, -1)
