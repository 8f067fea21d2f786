import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.bundle import Bundle, Lineage, PromptSpec
from tidegate.delivery.differences import difference
from tidegate.delivery.version import (
    BUMP_KINDS,
    DigestReference,
    NumberReference,
    StableReference,
    VersionNumber,
    VersionRef,
    bump,
    check_service_name,
    parse_reference,
    proposed_bump,
)
from tidegate.errors import InvalidInputError
from tidegate.wire.insertion import Message

parts = st.integers(0, 2**31 - 1)
numbers = st.builds(VersionNumber, parts, parts, parts)
names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True).filter(
    lambda name: not all(part.isdigit() for part in name.lstrip("v").split(".")) or name.count(".") != 2
)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(numbers)
def test_a_number_survives_writing_and_reading(number):
    assert VersionNumber.parse(str(number)) == number == VersionNumber.parse(str(number)[1:])


@given(numbers, numbers)
def test_numbers_sort_by_value_not_by_text(one, other):
    assert (one < other) == ((one.major, one.minor, one.patch) < (other.major, other.minor, other.patch))


@given(numbers.filter(lambda number: max(number.major, number.minor, number.patch) < 2**31 - 1))
def test_a_bump_rises_and_clears_what_stands_right_of_it(number):
    major, minor, patch = (bump(number, kind) for kind in BUMP_KINDS)
    assert number < patch < minor < major or (number.major, number.minor) == (0, 0)
    assert (minor.patch, major.minor, major.patch) == (0, 0, 0)
    assert patch > number
    assert minor > number
    assert major > number


@given(names, numbers, digests)
def test_every_form_of_reference_survives_writing_and_reading(service, number, digest):
    for reference in (
        NumberReference(service, number),
        NumberReference(service, number, digest[:8]),
        StableReference(service),
        DigestReference(digest),
    ):
        assert parse_reference(str(reference)) == reference
    full = VersionRef(service, number, digest[:8])
    assert VersionRef.parse(str(full)) == full


@given(names, numbers)
def test_a_bare_number_means_the_service_at_hand(service, number):
    assert parse_reference(str(number), service) == NumberReference(service, number)
    assert parse_reference("@stable", service) == StableReference(service)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    with contextlib.suppress(InvalidInputError):
        reference = parse_reference(text, "bot")
        assert isinstance(reference, DigestReference) or reference.service == "bot"


@given(st.text(max_size=40).filter(lambda text: not text.startswith(("sha256:", "bot/v", "@", "bot@", "v"))))
def test_the_refusal_of_any_text_is_one_line(text):
    with pytest.raises(InvalidInputError) as raised:
        parse_reference(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v1.2", "not a version number"),
        ("v01.2.3", "leading zero"),
        ("v1.2.3-rc1", "no digest"),
        ("bot/v1.2.3-3FA9C1D2", "no digest"),
        ("bot/v1.2.3-", "no digest"),
        ("bot/v1.2.99999999999", "not a version number"),
        ("bot/v1.2.2147483648", "above"),
        ("bot/latest", "not a version"),
        ("bot@production", "known one is @stable"),
        ("other/v1.0.0", "belongs to service 'other'"),
        ("Bot/v1.0.0", "not a service name"),
        ("sha256:abc", "not a digest"),
        ("bot/v1.0.0\n", "not a version number"),
        ("bot/v\u0661.0.0", "not a version number"),
    ],
)
def test_a_bad_reference_is_named_with_its_remedy(text, said):
    with pytest.raises(InvalidInputError, match=said):
        parse_reference(text, "bot")


def test_a_bare_number_without_a_service_is_refused():
    with pytest.raises(InvalidInputError, match="which service"):
        parse_reference("v1.0.0")


def test_a_full_name_needs_a_digest():
    with pytest.raises(InvalidInputError, match="full version name"):
        VersionRef.parse("bot/v1.0.0")


@pytest.mark.parametrize(
    "name", ["", "-bot", "bot-", "Bot", "a b", "a/b", "a@b", "a:b", "x" * 64, "v1.0.0", "1.2.3", "bôt", "bot\n"]
)
def test_what_cannot_name_a_service(name):
    with pytest.raises(InvalidInputError) as raised:
        check_service_name(name)
    assert raised.value.code == "bad_service_name"


BEFORE = Bundle(
    model="openai/gpt-4.1-mini",
    prompt=PromptSpec(system="Hello {{ name }}", variables={"name": "you"}),
    files={"weights/a.bin": ("644", "0" * 64)},
)


def _changed(**fields):
    return Bundle(**{name: getattr(BEFORE, name) for name in BEFORE.__struct_fields__} | fields)


@pytest.mark.parametrize(
    ("after", "kind", "reason"),
    [
        (_changed(model="openai/gpt-5"), "major", "The base model changes from openai/gpt-4.1-mini to openai/gpt-5."),
        (_changed(model="openai/ft:gpt-4.1-mini:acme::9x"), "minor", "same base model"),
        (_changed(model="azure/gpt-4.1-mini-2025-04-14"), "minor", "same base model"),
        (_changed(files={"weights/a.bin": ("644", "1" * 64)}), "minor", "The weights change"),
        (_changed(files={**BEFORE.files, "tokenizer/t.json": ("644", "1" * 64)}), "major", "tokenizer"),
        (
            _changed(files={**BEFORE.files, "tests/t.json": ("644", "1" * 64)}),
            "patch",
            "The file tests/t.json is added.",
        ),
        (_changed(prompt=PromptSpec(system="Hi {{ name }}", variables={"name": "you"})), "minor", "system prompt"),
        (_changed(prompt=PromptSpec(system="Hello {{ name }}", variables={"name": None})), "major", "'name'"),
        (
            _changed(prompt=PromptSpec(system="Hello {{ name }}", variables={"name": "you"}, system_policy="keep")),
            "major",
            "'keep'",
        ),
        (
            _changed(
                prompt=PromptSpec(
                    system="Hello {{ name }}", variables={"name": "you"}, few_shot=(Message("user", "hi"),)
                )
            ),
            "minor",
            "few-shot",
        ),
        (_changed(generation={"temperature": 1}), "patch", "The parameter generation.temperature changes."),
        (_changed(card="# Card"), "patch", "model card"),
        (BEFORE, "patch", "Nothing changed."),
    ],
)
def test_the_proposed_bump_follows_the_strongest_change(after, kind, reason):
    proposal = proposed_bump(difference(BEFORE, after))
    assert proposal.kind == kind
    assert reason in proposal.reason


def test_lineages_that_name_another_base_model_ask_for_a_major_version():
    found = difference(
        BEFORE, BEFORE, before_lineage=Lineage(base_model="llama-3"), after_lineage=Lineage(base_model="qwen-3")
    )
    assert proposed_bump(found).kind == "major"
