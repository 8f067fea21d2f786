from datetime import UTC, datetime, timedelta

from tidegate.registry.identifiers import id_instant, new_id

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


def test_identifiers_sort_by_the_time_they_were_made():
    made = [new_id("rel", NOW + timedelta(microseconds=step)) for step in range(200)]
    assert made == sorted(made)


def test_an_identifier_tells_its_instant_to_the_microsecond():
    for step in range(1000):
        at = NOW + timedelta(microseconds=step * 977)
        assert id_instant(new_id("rel", at)) == at


def test_identifiers_of_one_instant_differ():
    assert len({new_id("rel", NOW) for _ in range(200)}) == 200


def test_identifiers_have_a_prefix_and_a_fixed_length():
    assert {len(new_id("inc", NOW + timedelta(days=days))) for days in (0, 1000, 100_000)} == {len("inc_") + 20}
