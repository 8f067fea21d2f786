"""Token estimates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.translate.estimate import TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, estimate_tokens, text_tokens


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("hi", 1, 1),
        ("The quick brown fox jumps over the lazy dog.", 9, 12),
        ("def add(a, b):\n    return a + b\n", 7, 13),
        ("Съешь ещё этих мягких французских булок, да выпей же чаю", 18, 34),
        ("いろはにほへと ちりぬるを", 8, 16),
    ],
)
def test_an_estimate_is_of_the_right_size(text, least, most):
    assert least <= text_tokens(text) <= most


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one, other):
    assert (
        max(text_tokens(one), text_tokens(other)) <= text_tokens(one + other) <= text_tokens(one) + text_tokens(other)
    )


def test_everything_the_model_reads_counts():
    user = {"role": "user", "content": "x" * 40}
    assert estimate_tokens({"messages": [user]}) == TOKENS_PER_MESSAGE + 10
    image = {
        "role": "user",
        "content": [{"type": "text", "text": "x" * 40}, {"type": "image_url", "image_url": {"url": "u"}}],
    }
    assert estimate_tokens({"messages": [image]}) == TOKENS_PER_MESSAGE + 10 + TOKENS_PER_IMAGE
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "x" * 8, "arguments": "x" * 12}}],
    }
    assert estimate_tokens({"messages": [call]}) == TOKENS_PER_MESSAGE + 5
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert estimate_tokens({"messages": [user], "tools": tools}) > TOKENS_PER_MESSAGE + 15
    pdf = {"role": "user", "content": [{"type": "file", "file": {"file_data": "x" * 3000}}]}
    assert estimate_tokens({"messages": [pdf]}) == TOKENS_PER_MESSAGE + 100
