from __future__ import annotations

import msgspec
import pytest

from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.service import ProviderSpec, ServiceSpec
from tidegate.documents import decode, parse_document, parse_documents
from tidegate.errors import InvalidInputError


class Cat(msgspec.Struct, tag="cat", tag_field="kind", forbid_unknown_fields=True):
    lives: int = 9


class Dog(msgspec.Struct, tag="dog", tag_field="kind", forbid_unknown_fields=True):
    tricks: list[str] = []


class Shop(msgspec.Struct, forbid_unknown_fields=True):
    providers: dict[str, ProviderSpec] = {}
    services: dict[str, ServiceSpec] = {}
    names: list[str] = []
    pets: list[Cat | Dog] = []


def shop(text: str) -> Shop:
    return decode(parse_document(text, "shop.yaml"), Shop, hook=decode_quantity)


def refusal(text: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        shop(text)
    return str(caught.value)


def test_a_right_document_becomes_the_struct():
    made = shop("services:\n  bot:\n    timeouts: {first_token: 1m30s}\n    fallbacks: [a/b]\n")
    assert made.services["bot"].timeouts.first_token == 90.0
    assert made.services["bot"].fallbacks == ("a/b",)


def test_an_unknown_key_names_line_path_and_the_nearest_known_one():
    text = "providers:\n  openai:\n    dialect: openai\n    base_ur: http://x\n"
    assert refusal(text) == "shop.yaml:4: providers.openai.base_ur: unknown key 'base_ur' (did you mean 'base_url'?)"


def test_a_key_like_no_other_lists_the_known_ones():
    assert "known are names, pets, providers, services" in refusal("zzzzzz: 1\n")


def test_a_wrong_value_under_a_free_key_names_that_key():
    text = "providers:\n  good: {dialect: openai, base_url: u}\n  bad:\n    dialect: openai\n    base_url: 5\n"
    assert refusal(text) == "shop.yaml:5: providers.bad.base_url: expected `str`, got `int`"


def test_a_missing_key_points_at_its_parent():
    text = "providers:\n  bad:\n    dialect: openai\n"
    assert refusal(text) == "shop.yaml:2: providers.bad: object missing required field `base_url`"


def test_a_wrong_quantity_says_how_to_write_it():
    message = refusal("services:\n  bot:\n    timeouts:\n      idle: soon\n")
    assert message.startswith("shop.yaml:4: services.bot.timeouts.idle: 'soon' is not a duration")


def test_a_wrong_item_of_a_list_is_named_by_its_index():
    assert refusal("names:\n- a\n- 7\n").startswith("shop.yaml:3: names[1]: expected `str`")


def test_a_key_given_twice_names_both_lines():
    assert (
        refusal("names: [a]\nservices: {}\nnames: [b]\n") == "shop.yaml:3: key 'names' is given twice, first in line 1"
    )


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tx: 1", "a: !!python/object:os.system {}"])
def test_broken_or_dangerous_yaml_is_refused_with_its_line(text):
    assert refusal(text).startswith("shop.yaml")


def test_a_key_that_is_no_text_must_be_quoted():
    assert "quote it" in refusal("on: 1\n")


def test_several_documents_are_read_in_order_and_empty_ones_skipped():
    assert [d.value for d in parse_documents("a: 1\n---\n---\nb: 2\n", "x")] == [{"a": 1}, {"b": 2}]
    with pytest.raises(InvalidInputError, match="one document is expected"):
        parse_document("a: 1\n---\nb: 2\n", "x")


def test_an_empty_document_is_an_empty_mapping():
    assert shop("") == Shop()


def test_aliases_that_expand_without_end_are_refused():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    assert "more than" in refusal(bomb)


@pytest.mark.parametrize(
    ("pet", "message"),
    [
        ("{kind: dogg}", "shop.yaml:2: pets[0].kind: unknown kind 'dogg' (did you mean 'dog'?)"),
        ("{kind: dog, lives: 9}", "shop.yaml:2: pets[0].lives: unknown key 'lives' (known are tricks)"),
        ("{lives: 9}", "shop.yaml:2: pets[0]: object missing required field `kind`"),
        ("{kind: dog, tricks: [1]}", "pets[0].tricks[0]: expected `str`"),
    ],
)
def test_one_of_several_kinds_is_chosen_by_its_tag(pet, message):
    assert message in refusal(f"pets:\n- {pet}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: " + "[" * 100_000 + "]" * 100_000, "t:1: nested deeper"),
        ("a: &a [*a, *a]", "t: an alias contains itself"),
    ],
)
def test_nesting_without_end_is_refused_instead_of_exhausting_the_stack(text, said):
    with pytest.raises(InvalidInputError) as raised:
        parse_documents(text, "t")
    assert str(raised.value).startswith(said)
