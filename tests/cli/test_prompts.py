"""Prompts from files, as people write them."""

import pytest

from tidegate.cli.prompt_files import read_prompt_file
from tidegate.errors import InvalidInputError


def test_a_text_is_the_system_prompt_and_a_document_has_the_keys_of_a_bundle(tmp_path):
    text, document = tmp_path / "greeting.txt", tmp_path / "greeting.yaml"
    text.write_text("Greet the user.\n")
    document.write_text("system: Greet {{ name }}.\nvariables: {name: null}\n")
    assert read_prompt_file(text) == {"system": "Greet the user."}
    assert read_prompt_file(document) == {"system": "Greet {{ name }}.", "variables": {"name": None}}


def test_what_cannot_be_read_is_named(tmp_path):
    listed = tmp_path / "list.yaml"
    listed.write_text("- a\n")
    for file in (listed, tmp_path / "none.txt"):
        with pytest.raises(InvalidInputError) as caught:
            read_prompt_file(file)
        assert str(file) in caught.value.where
