"""Forms of a bundle, and what is said of a broken one."""

import contextlib
import json
import os
import socket
import tempfile
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from tidegate.documents import parse_document
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.bundle_files import Limits
from tidegate.registry.bundle_reader import read_bundle, read_inline, read_part
from tidegate.registry.bundle_tree import digest_of, expected_manifest
from tidegate.registry.content import CHUNK_BYTES, hash_file

MODEL = "openai/gpt-4.1-mini"


def _write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def _directory(root, **files):
    return _write(
        root, {"bundle.yaml": f"model: {MODEL}\n", **{name.replace("__", "/"): text for name, text in files.items()}}
    )


FULL = {
    "model": MODEL,
    "prompt": {
        "system": "You answer\nfor ACME.",
        "few_shot": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        "system_policy": "replace",
    },
    "generation": {"temperature": 0.2, "max_tokens": 100},
    "safety": {"pii": {"action": "mask"}},
    "routing": {"fallbacks": ["claude/haiku"], "timeouts": {"connect": "2s"}},
    "requirements": {"gpu": 1},
    "card": "# Card\n",
}


def _as_directory(root, value, *, newline="\n"):
    """The same content, each part in its own file."""
    head = {"model": value["model"], "requirements": value.get("requirements", {})}
    prompt = dict(value.get("prompt", {}))
    system, few_shot = prompt.pop("system", None), prompt.pop("few_shot", [])
    head["prompt"] = prompt
    files = {"bundle.yaml": yaml.safe_dump(head)}
    if system and system.strip():
        files["prompt/system.txt"] = "\ufeff" + system.replace("\n", newline) + newline
    for index in range(0, len(few_shot), 2):
        files[f"few_shot/{index:05}.json"] = json.dumps({"messages": few_shot[index : index + 2]}, indent=2)
    for part in ("generation", "safety", "routing"):
        if part in value:
            files[f"config/{part}.json"] = json.dumps(value[part], indent=1)
    if "card" in value:
        files["card.md"] = value["card"].replace("\n", newline)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return root


def test_directory_file_and_values_of_equal_content_have_equal_digests(tmp_path):
    directory = read_bundle(_as_directory(tmp_path / "b", FULL, newline="\r\n"))
    as_yaml, as_json = tmp_path / "b.yaml", tmp_path / "b.json"
    as_yaml.write_text(yaml.safe_dump({"kind": "Bundle", "service": "bot", "version": "v3.0.0", **FULL}))
    as_json.write_text(json.dumps({**FULL, "lineage": {"git_commit": "abc"}}, indent=3))
    part = read_part(
        parse_document(yaml.safe_dump({"services": {"bot": {"stable": FULL}}}), "t"), "services", "bot", "stable"
    )
    contents = [directory, read_bundle(as_yaml), read_bundle(as_json), read_inline(FULL), part]
    assert len({content.digest for content in contents}) == 1
    assert all(content.bundle == directory.bundle for content in contents)
    assert (contents[1].service, str(contents[1].number)) == ("bot", "v3.0.0")
    assert contents[2].lineage.git_commit == "abc"


scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=5)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
free = st.dictionaries(st.text(min_size=1, max_size=5), trees, max_size=3)
lines = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \n"), max_size=20)
bundles = st.fixed_dictionaries(
    {
        "model": st.just(MODEL),
        "prompt": st.fixed_dictionaries(
            {},
            optional={
                "system": lines,
                "few_shot": st.lists(
                    st.fixed_dictionaries(
                        {"role": st.sampled_from(["user", "assistant"]), "content": st.text(min_size=1, max_size=5)}
                    ),
                    max_size=3,
                ),
            },
        ),
    },
    optional={
        "safety": free,
        "requirements": free,
        "card": lines,
        "generation": st.fixed_dictionaries(
            {}, optional={"temperature": st.floats(0, 2), "x_own": trees.filter(lambda value: value is not None)}
        ),
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(bundles, st.sampled_from(["\n", "\r\n"]), st.randoms())
def test_the_form_never_changes_the_digest(tmp_path_factory, value, newline, random):
    root = tmp_path_factory.mktemp("form")
    if not value["prompt"].get("system", "x").strip():
        value["prompt"].pop("system")
    shuffled = list(value.items())
    random.shuffle(shuffled)
    (root / "one.json").write_text(json.dumps(dict(shuffled)))
    digests = {
        read_inline(value).digest,
        read_bundle(root / "one.json").digest,
        read_bundle(_as_directory(root / "b", value, newline=newline)).digest,
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"model": "openai/gpt-5"},
        {"generation": {"temperature": 0.3, "max_tokens": 100}},
        {"prompt": {**FULL["prompt"], "system": "You answer for ACME."}},
        {"prompt": {**FULL["prompt"], "system_policy": "keep"}},
        {"prompt": {**FULL["prompt"], "variables": {}}},
        {"safety": {}},
        {"routing": {"fallbacks": ["claude/haiku"], "timeouts": {"connect": "3s"}}},
        {"requirements": {"gpu": True}},
        {"card": "# Other"},
    ],
)
def test_a_change_of_any_part_changes_the_digest(change):
    assert read_inline({**FULL, **change}).digest != read_inline(FULL).digest


def test_artifacts_are_kept_byte_for_byte_with_their_mode(tmp_path):
    weights = os.urandom(CHUNK_BYTES + 17)
    root = _directory(tmp_path, weights__model__bin=weights, processing__run__py="print()\r\n")
    (root / "processing/run/py").chmod(0o755)
    content = read_bundle(root)
    modes = {entry.path: (entry.mode, entry.size) for entry in content.manifest}
    assert modes["weights/model/bin"] == ("644", CHUNK_BYTES + 17)
    assert modes["processing/run/py"] == ("755", 9)
    assert b"".join(content.tree["weights/model/bin"].chunks()) == weights
    assert expected_manifest(content.bundle, {each.path: each.size for each in content.manifest}) == content.manifest
    (root / "processing/run/py").chmod(0o644)
    assert read_bundle(root).digest != content.digest


def test_the_tree_is_a_bundle_directory_with_the_same_digest(tmp_path):
    content = read_bundle(_as_directory(tmp_path / "a", FULL))
    written = _write(tmp_path / "b", {path: b"".join(each.chunks()) for path, each in content.tree.items()})
    assert read_bundle(written).digest == content.digest == digest_of(content.manifest)


def test_junk_does_not_belong_to_a_bundle(tmp_path):
    clean = read_bundle(_directory(tmp_path / "a", tests__one="x")).digest
    root = _directory(tmp_path / "b", tests__one="x")
    junk = {
        ".git/config": "x",
        "tests/__pycache__/a.pyc": "x",
        ".DS_Store": "x",
        ".env": "KEY=1",
        "notes/a.txt": "x",
        "tests/big.log": "x",
    }
    _write(root, {**junk, ".tidegateignore": "# own\nnotes/\n*.log\n"})
    assert read_bundle(root).digest == clean


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
    _write(tmp_path, files)
    with pytest.raises(InvalidInputError) as raised:
        read_bundle(tmp_path)
    assert where in raised.value.where
    assert said in str(raised.value)


def test_json_numbers_are_read_as_json(tmp_path):
    root = _directory(tmp_path, config__generation=b"")
    (root / "config/generation").unlink()
    (root / "config/generation.json").write_text('{"temperature": 1e-1}')
    assert read_bundle(root).bundle.generation == {"temperature": 0.1}


def test_symbolic_links_are_refused(tmp_path):
    root = _directory(tmp_path / "b")
    (tmp_path / "secret").write_text("x")
    (root / "card.md").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidInputError, match="symbolic link") as raised:
        read_bundle(root)
    assert raised.value.code == "symbolic_link"


def test_pipes_and_sockets_are_refused_without_waiting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = _directory(tmp_path / "b")
    os.mkfifo(root / "pipe")
    with pytest.raises(InvalidInputError, match="device, pipe or socket"):
        read_bundle(root)
    (root / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("b/socket")
        with pytest.raises(InvalidInputError, match="device, pipe or socket"):
            read_bundle(root)
    with pytest.raises(InvalidInputError, match="not a regular file"):
        read_bundle(_fifo(tmp_path / "one.yaml"))


def _fifo(path):
    os.mkfifo(path)
    return path


def test_names_must_be_utf8_and_distinct(tmp_path):
    root = _directory(tmp_path / "a")
    (root / os.fsdecode(b"\xff.bin")).write_text("x")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        read_bundle(root)
    other = _directory(tmp_path / "b", **{unicodedata.normalize(form, "é"): "x" for form in ("NFC", "NFD")})
    with pytest.raises(InvalidInputError, match="read the same"):
        read_bundle(other)


@contextlib.contextmanager
def _without_roots_rights():
    """As an account that may not read everything, when the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_file_or_folder_is_named():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = _directory(Path(name) / "b", tests__a="x")
        (root / "tests/a").chmod(0)
        with _without_roots_rights(), pytest.raises(InvalidInputError, match="Permission denied") as raised:
            read_bundle(root)
        assert raised.value.where == str(root / "tests/a")
        (root / "tests").chmod(0)
        with _without_roots_rights(), pytest.raises(InvalidInputError, match="folder cannot be read"):
            read_bundle(root)
        (root / "tests").chmod(0o755)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(files=1), "more than 1 files"),
        (Limits(file_bytes=3), "at most 3"),
        (Limits(total_bytes=5), "at most 1 are"),
        (Limits(document_bytes=4), "at most 4"),
        (Limits(path_bytes=5), "longer than 5 bytes"),
    ],
)
def test_limits_stop_a_mistaken_folder(tmp_path, limits, said):
    with pytest.raises(InvalidInputError, match=said):
        read_bundle(_directory(tmp_path, a="xxxx", b="xxxx"), limits)


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="no such file or directory"):
        read_bundle(tmp_path / "none")


def test_other_bytes_behind_an_unchanged_face_are_noticed(tmp_path):
    """Coarse clocks and memory maps can change a file without a trace in its times."""
    (tmp_path / "f").write_bytes(b"x")
    content = hash_file(tmp_path / "f", 10)
    with pytest.raises(ConflictError, match="changed"):
        list(structs.replace(content, sha256="0" * 64).chunks())


def test_a_file_exchanged_before_the_reading_is_noticed_at_once(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 3 * CHUNK_BYTES)
    content = hash_file(tmp_path / "f", 1 << 30)
    (tmp_path / "f").write_bytes(b"y" * 3 * CHUNK_BYTES)
    with pytest.raises(ConflictError, match="changed"):
        next(content.chunks())


@pytest.mark.parametrize("how", ["grow", "replace", "rewrite"])
def test_a_file_that_changes_after_it_was_hashed_is_noticed(tmp_path, how):
    root = _directory(tmp_path, weights__a=os.urandom(3 * CHUNK_BYTES))
    path = root / "weights/a"
    chunks = read_bundle(root).tree["weights/a"].chunks()
    next(chunks)
    if how == "grow":
        with path.open("ab") as file:
            file.write(b"x")
    elif how == "rewrite":
        with path.open("r+b") as file:
            file.seek(2 * CHUNK_BYTES)
            file.write(b"other")
    else:
        path.with_suffix(".new").write_bytes(b"other")
        path.with_suffix(".new").replace(path)
    with pytest.raises(ConflictError) as raised:
        list(chunks)
    assert raised.value.code == "file_changed"


def test_a_misspelt_model_is_told_as_such_not_as_missing(tmp_path):
    (tmp_path / "b.yaml").write_text("kind: Bundle\nmodle: p/m\n")
    with pytest.raises(InvalidInputError, match=r"b\.yaml:2: modle: unknown key 'modle' \(did you mean 'model'\?\)"):
        read_bundle(tmp_path / "b.yaml")
