from tidegate.registry.decoded import Decoded


def test_what_did_not_change_is_decoded_once_and_what_did_anew():
    texts = []
    decoded = Decoded(lambda text: texts.append(text) or text.upper(), 10)
    assert [decoded.of("a", "x"), decoded.of("a", "x"), decoded.of("b", "x"), decoded.of("a", "y")] == list("XXXY")
    assert texts == ["x", "x", "y"]


def test_only_the_latest_keys_are_kept():
    texts = []
    decoded = Decoded(lambda text: texts.append(text) or text, 2)
    for key in ("a", "b", "a", "c", "a", "b"):
        decoded.of(key, key)
    assert texts == ["a", "b", "c", "b"]
