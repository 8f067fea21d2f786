"""One content has one digest, whatever form it comes in, and every change of it another."""

import json
import os

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.registry.bundle_folders import FULL, MODEL, as_directory, directory_with, write_files

from tidegate.documents import parse_document
from tidegate.registry.bundle_reader import read_bundle, read_inline, read_part
from tidegate.registry.bundle_tree import digest_of, expected_manifest
from tidegate.registry.content import CHUNK_BYTES


def test_directory_file_and_values_of_equal_content_have_equal_digests(tmp_path):
    directory = read_bundle(as_directory(tmp_path / "b", FULL, newline="\r\n"))
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
        read_bundle(as_directory(root / "b", value, newline=newline)).digest,
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
    root = directory_with(tmp_path, weights__model__bin=weights, processing__run__py="print()\r\n")
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
    content = read_bundle(as_directory(tmp_path / "a", FULL))
    written = write_files(tmp_path / "b", {path: b"".join(each.chunks()) for path, each in content.tree.items()})
    assert read_bundle(written).digest == content.digest == digest_of(content.manifest)


def test_junk_does_not_belong_to_a_bundle(tmp_path):
    clean = read_bundle(directory_with(tmp_path / "a", tests__one="x")).digest
    root = directory_with(tmp_path / "b", tests__one="x")
    junk = {
        ".git/config": "x",
        "tests/__pycache__/a.pyc": "x",
        ".DS_Store": "x",
        ".env": "KEY=1",
        "notes/a.txt": "x",
        "tests/big.log": "x",
    }
    write_files(root, {**junk, ".tidegateignore": "# own\nnotes/\n*.log\n"})
    assert read_bundle(root).digest == clean
