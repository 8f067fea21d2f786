import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.redaction import is_card, is_iban, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jane.doe+shop@mail.example.co.uk now", "write to [email] now"),
        ("<bob_99@example.org>,", "<[email]>,"),
        ("card 4111 1111 1111 1111 ok", "card [card] ok"),
        ("5500-0055-5555-5559", "[card]"),
        ("room 123 4111 1111 1111 1111 456", "room 123 [card] 456"),
        ("amex 378282246310005.", "amex [card]."),
        ("pay DE89 3704 0044 0532 0130 00 and thanks", "pay [iban] and thanks"),
        ("gb29NWBK60161331926819", "[iban]"),
        ("NO93 8601 1117 947!", "[iban]!"),
        ("call +49 (30) 901820 today", "call [phone] today"),
        ("0049 30 901820, 030/901820", "[phone], [phone]"),
        ("(212) 555-0199 or 212-555-0199", "[phone] or [phone]"),
        ("two: a@b.io c@d.io", "two: [email] [email]"),
    ],
)
def test_personal_data_is_replaced_and_the_rest_stays(text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 4111 1111 1111 1112 is late",  # not by Luhn
        "GB28 NWBK 6016 1331 9268 19",  # not by mod 97
        "2026-09-15 12:30:00 and 2026-09-15T12:30:00Z",
        "version 1.24.3, 3.14159265358979, 10.0.0.1",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "0000 0000 0000 0000",
        "tweet @someone at 5@",
        "total 1,234,567.89 EUR for 12 345 678 items",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert redact(text) == text


@given(st.text(string.digits, min_size=15, max_size=15).filter(lambda text: any(map(int, text))))
def test_exactly_one_last_digit_makes_a_card(digits):
    assert sum(is_card(digits + str(last)) for last in range(10)) == 1


@given(st.text(string.digits + string.ascii_uppercase, min_size=18, max_size=18))
def test_exactly_one_pair_of_check_digits_makes_an_account_and_any_other_is_found_out(rest):
    valid = [check for check in range(2, 99) if is_iban(f"DE{check:02}{rest}")]
    assert len(valid) == 1


@given(st.text(max_size=300))
def test_any_text_can_be_redacted_and_stays_so(text):
    once = redact(text)
    assert redact(once) == once


def seconds_for(text: str) -> float:
    begun = time.process_time()
    redact(text)
    return time.process_time() - begun


@pytest.mark.parametrize(
    "hostile",
    ["1 " * 20, "123 " * 9, "a." * 20, "DE89 ", "+1(", "a@b.", "0" * 40, "x@" + "a." * 30, "(0", "1-", "AA11A"],
)
def test_time_grows_with_the_length_and_not_faster(hostile):
    """Work of twice the text, against ten times: a quadratic pattern would need 25 times more at five times the text."""
    small = hostile * (20_000 // len(hostile))
    large = small * 5
    fastest_small = min(seconds_for(small) for _ in range(3))
    fastest_large = min(seconds_for(large) for _ in range(2))
    assert fastest_large < 15 * max(fastest_small, 0.002)


def test_a_long_answer_is_redacted_all_over():
    chance = random.Random(4)
    words = [chance.choice(["hello", "a@b.io", "4111111111111111", "12"]) for _ in range(5_000)]
    redacted = redact(" ".join(words)).split()
    expected = {"a@b.io": "[email]", "4111111111111111": "[card]"}
    assert redacted == [expected.get(word, word) for word in words]
