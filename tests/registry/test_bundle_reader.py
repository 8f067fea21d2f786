"""What is said of a broken bundle: file, line and field."""

import pytest
from tests.registry.bundle_folders import directory_with, write_files

from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_reader import read_bundle


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("model: gpt", ":1: model", "names no provider"),
        ("prompt: {}", "", "names no model"),
        ("model: a/b c", ":1: model", "without spaces"),
        ("model: a/b\ngeneraton: {}", ":2: generaton", "did you mean 'generation'"),
        ("model: a/b\nprompt:\n  sytem: x", ":3: prompt.sytem", "did you mean 'system'"),
        ("model: a/b\ngeneration:\n  temprature: 1", ":3: generation.temprature", "did you mean 'temperature'"),
        ("model: a/b\ngeneration:\n  temperature: warm", ":3: generation.temperature", "'warm' is not a number"),
        ("model: a/b\ngeneration: {model: x}", ":2: generation.model", "not a generation parameter"),
        ("model: a/b\ngeneration: {x: .inf}", ":2: generation.x", "not a number JSON knows"),
        ("model: a/b\ngeneration: {seed: 9007199254740993}", ":2: generation.seed", "carries exactly"),
        ("model: a/b\nrequirements: {since: 2026-01-01}", ":2: requirements.since", "quote it"),
        ("model: a/b\nversion: v1", ":2: version", "not a version number"),
        ("model: a/b\nservice: Bot", ":2: service", "not a service name"),
        ("model: a/b\nkind: Release", ":2: kind", "invalid"),
        ("model: a/b\nprompt: {few_shot: [{role: system, content: x}]}", ":2: prompt.few_shot[0].role", "invalid"),
        ("model: a/b\nprompt: {few_shot: [{role: user, content: ''}]}", ":2: prompt.few_shot[0].content", "empty"),
        ("model: a/b\nprompt: {system: '{{ who }}', variables: {}}", ":2: prompt.system", "'who'"),
        ("model: a/b\nprompt: {system: '{{', variables: {}}", ":2: prompt.system", "template"),
        ("model: a/b\nprompt: {variables: {a: x}}", ":2: prompt.variables", "need a system prompt"),
        ("model: a/b\nrouting: {fallbacks: [c]}", ":2: routing.fallbacks[0]", "names no provider"),
        ("model: a/b\nrouting: {timeouts: {idle: soon}}", ":2: routing.timeouts.idle", "not a duration"),
        ("model: a/b\nrouting: {max_attempts: 0}", ":2: routing.max_attempts", "from 1"),
        ("model: a/b\nmodel: c/d", ":2", "given twice"),
        ("- a", ":1", "mapping"),
        ("model: [", ":2", "not YAML"),
        ("model: &a [*a, *a]", "", ""),
    ],
)
def test_a_complaint_names_file_line_and_field(tmp_path, text, where, said):
    path = tmp_path / "b.yaml"
    path.write_text(text + "\n")
    with pytest.raises(InvalidInputError, match=r".") as raised:
        read_bundle(path)
    assert str(raised.value).startswith(f"{path}{where}")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("files", "where", "said"),
    [
        ({"card.md": "x"}, "", "bundle.yaml is missing"),
        ({"bundel.yaml": "x"}, "", "did you mean 'bundel.yaml'"),
        ({"bundle.yaml": "model: a/b", "bundle.json": "{}"}, "", "both stand here"),
        (
            {"bundle.yaml": "model: a/b\nprompt:\n  system: x", "prompt/system.txt": "y"},
            "bundle.yaml:3",
            "given here and in",
        ),
        (
            {"bundle.yaml": "model: a/b\ngeneration: {}", "config/generation.json": "{}"},
            "bundle.yaml:2",
            "given here and in",
        ),
        ({"bundle.yaml": "model: a/b", "prompt/system.txt": " \n"}, "prompt/system.txt", "prompt is empty"),
        ({"bundle.yaml": "model: a/b", "prompt/system.txt": b"ok\n\xff"}, "prompt/system.txt:2", "not UTF-8"),
        (
            {"bundle.yaml": "model: a/b", "prompt/sytem.txt": "x"},
            "prompt/sytem.txt",
            "did you mean 'prompt/system.txt'",
        ),
        (
            {"bundle.yaml": "model: a/b", "config/generaton.json": "{}"},
            "config/generaton.json",
            "did you mean 'config/generation.json'",
        ),
        ({"bundle.yaml": "model: a/b", "tokenizers/a": "x"}, "tokenizers/a", "did you mean 'tokenizer'"),
        ({"bundle.yaml": "model: a/b", "few_shot/a.json": "[]"}, "few_shot/a.json", "empty"),
        ({"bundle.yaml": "model: a/b", "few_shot/a.json": '{"q": 1}'}, "few_shot/a.json", "list of {role, content}"),
        (
            {"bundle.yaml": "model: a/b", "few_shot/a.json": '{"user": "", "assistant": "x"}'},
            "few_shot/a.json",
            "empty",
        ),
        ({"bundle.yaml": "model: a/b", "few_shot/a.txt": "x"}, "few_shot/a.txt", ".json file"),
        (
            {
                "bundle.yaml": "model: a/b",
                "few_shot/a.json": '{"user":"a","assistant":"b"}',
                "prompt/few_shot/b.json": '{"user":"a","assistant":"b"}',
            },
            "few_shot",
            "two folders",
        ),
        (
            {"bundle.yaml": "model: a/b", "config/generation.json": '{\n"temperature": "hot"}'},
            "config/generation.json:2: temperature",
            "not a number",
        ),
        ({"bundle.yaml": "model: a/b", "config/safety.json": '{"a": 1, "a": 2}'}, "config/safety.json", "given twice"),
        ({"bundle.yaml": "model: a/b", "config/safety.json": "{\n,}"}, "config/safety.json:2", "not JSON"),
        (
            {"bundle.yaml": "model: a/b", "config/safety.json": '{"a":' + "[" * 9000 + "]" * 9000 + "}"},
            "config/safety.json",
            "nested",
        ),
        ({"bundle.yaml": "model: a/b", "version.json": "{}"}, "version.json", "reserved"),
        ({"bundle.yaml": "model: a/b", "tests/a\nb": "x"}, "", "control character"),
        ({"bundle.yaml": "model: a/b", "tests/a\\b": "x"}, "", "backslash"),
    ],
)
def test_a_broken_directory_is_refused_with_the_place(tmp_path, files, where, said):
    write_files(tmp_path, files)
    with pytest.raises(InvalidInputError) as raised:
        read_bundle(tmp_path)
    assert where in raised.value.where
    assert said in str(raised.value)


def test_json_numbers_are_read_as_json(tmp_path):
    root = directory_with(tmp_path, config__generation=b"")
    (root / "config/generation").unlink()
    (root / "config/generation.json").write_text('{"temperature": 1e-1}')
    assert read_bundle(root).bundle.generation == {"temperature": 0.1}


def test_a_misspelt_model_is_told_as_such_not_as_missing(tmp_path):
    (tmp_path / "b.yaml").write_text("kind: Bundle\nmodle: p/m\n")
    with pytest.raises(InvalidInputError, match=r"b\.yaml:2: modle: unknown key 'modle' \(did you mean 'model'\?\)"):
        read_bundle(tmp_path / "b.yaml")
