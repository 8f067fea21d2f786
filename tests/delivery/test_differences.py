from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.bundle import Bundle, PromptSpec, RoutingSpec, TimeoutsSpec
from tidegate.delivery.differences import FieldChange, FileChange, base_of, difference, lines
from tidegate.delivery.quantities import Seconds
from tidegate.wire.insertion import Message

values = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3)
objects = st.dictionaries(st.sampled_from("abc"), values | st.dictionaries(st.sampled_from("xy"), values, max_size=2))
prompts = st.builds(
    PromptSpec,
    system=st.none() | st.text("a\n", max_size=5),
    few_shot=st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), st.text("ab", max_size=2))).map(tuple),
    variables=st.none() | st.dictionaries(st.sampled_from("ab"), st.none() | st.just("x")),
)
files = st.dictionaries(
    st.sampled_from(["weights/a", "tests/b"]), st.sampled_from([("644", "0"), ("755", "0"), ("644", "1")])
)
bundles = st.builds(
    Bundle,
    model=st.sampled_from(["a/b", "a/c"]),
    prompt=prompts,
    generation=objects,
    safety=objects,
    requirements=objects,
    routing=st.builds(RoutingSpec, max_attempts=st.none() | st.integers(1, 3)),
    card=st.none() | st.text("a\n", min_size=1, max_size=3),
    files=files,
)


@given(bundles)
def test_a_bundle_does_not_differ_from_itself(bundle):
    found = difference(bundle, bundle)
    assert found.is_empty
    assert lines(found) == ["No differences."]


@given(bundles, bundles)
def test_what_is_added_one_way_is_removed_the_other(one, other):
    there, back = difference(one, other), difference(other, one)
    assert there.few_shot_added.__len__() - len(there.few_shot_removed) == len(back.few_shot_removed) - len(
        back.few_shot_added
    )
    assert {(each.path, each.after_bytes) for each in there.files if each.kind == "added"} == {
        (each.path, each.before_bytes) for each in back.files if each.kind == "removed"
    }
    assert [(each.field, each.before, each.after) for each in there.generation] == [
        (each.field, each.after, each.before) for each in back.generation
    ]


def test_it_reads_like_a_review():
    before = Bundle(
        model="openai/gpt-4.1",
        prompt=PromptSpec(system="You help.\nBe brief.", few_shot=(Message("user", "hi"),)),
        generation={"temperature": 0.2, "stop": ["x"]},
        safety={"pii": {"action": "block"}},
        files={"weights/a.bin": ("644", "0" * 64), "tests/old.json": ("644", "1" * 64)},
    )
    after = Bundle(
        model="openai/gpt-5",
        prompt=PromptSpec(system="You help.\nBe kind.", few_shot=(Message("user", "hello"),)),
        generation={"temperature": 0.7, "stop": ["x"], "seed": 1},
        safety={"pii": {"action": "mask"}},
        routing=RoutingSpec(timeouts=TimeoutsSpec(connect=Seconds(2))),
        files={"weights/a.bin": ("644", "2" * 64)},
    )
    found = difference(
        before,
        after,
        before_sizes={"weights/a.bin": 1500, "tests/old.json": 7},
        after_sizes={"weights/a.bin": 2_000_000},
    )
    assert found.files == (
        FileChange("tests/old.json", "removed", 7, None),
        FileChange("weights/a.bin", "changed", 1500, 2_000_000),
    )
    assert found.routing == (FieldChange("routing.timeouts.connect", None, 2.0),)
    assert lines(found) == [
        'model: "openai/gpt-4.1" → "openai/gpt-5"',
        "--- a/prompt/system.txt",
        "+++ b/prompt/system.txt",
        "@@ -1,2 +1,2 @@",
        " You help.",
        "-Be brief.",
        "+Be kind.",
        "- few-shot user: hi",
        "+ few-shot user: hello",
        "generation.seed: not set → 1",
        "generation.temperature: 0.2 → 0.7",
        'safety.pii.action: "block" → "mask"',
        "routing.timeouts.connect: not set → 2.0",
        "- tests/old.json (7 B)",
        "~ weights/a.bin (1.5 kB → 2.0 MB)",
    ]


def test_true_is_not_one():
    before, after = (Bundle(model="a/b", safety={"on": value}) for value in (1, True))
    assert difference(before, after).safety == (FieldChange("safety.on", 1, True),)


def test_becoming_a_template_is_a_difference():
    before, after = (Bundle(model="a/b", prompt=PromptSpec(system="x", variables=each)) for each in (None, {}))
    assert not difference(before, after).is_empty


def test_the_base_of_a_model():
    assert base_of("openai/ft:gpt-4.1-mini:acme::9x") == "gpt-4.1-mini"
    assert base_of("azure/gpt-4.1-mini-2025-04-14") == "gpt-4.1-mini"
    assert base_of("claude/claude-haiku-4-5-20251001") == "claude-haiku-4-5"
    assert base_of("hf/org/model-7b") == "org/model-7b"
