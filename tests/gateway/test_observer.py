from __future__ import annotations

import msgspec
from tests.fakes.observations import observation as plain

from tidegate.delivery.observation import Observation, ObservationBatch, decode_batch
from tidegate.gateway import observer as module
from tidegate.gateway.observer import Observer


def observation(request_id: str) -> Observation:
    return plain(request_id=request_id)


def batch(sequence: int, rows: int = 3) -> ObservationBatch:
    return ObservationBatch.of("g", "boot", sequence, [observation(f"{sequence}.{i}") for i in range(rows)])


def taken(observer: Observer) -> ObservationBatch | None:
    """The next batch as control reads it."""
    made = observer.take()
    return None if made is None else decode_batch(msgspec.msgpack.encode(made))


def test_a_batch_gives_back_its_observations():
    seen = Observer("g", "boot")
    rows = [observation("a"), observation("b")]
    for row in rows:
        seen.record(row)
    assert taken(seen) == ObservationBatch.of("g", "boot", 1, rows)


def test_batches_are_bounded_and_numbered():
    seen = Observer("g", "boot")
    for i in range(module.BATCH_ROWS + 1):
        seen.record(observation(str(i)))
    first, second, third = taken(seen), taken(seen), taken(seen)
    assert first is not None
    assert second is not None
    assert third is None
    assert (first.sequence, len(first.rows)) == (1, module.BATCH_ROWS)
    assert (second.sequence, second.rows[0].request_id) == (2, str(module.BATCH_ROWS))


def test_when_nobody_takes_them_the_oldest_are_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(module, "MAX_PENDING", 5)
    seen = Observer("g", "boot")
    for i in range(8):
        seen.record(observation(str(i)))
    found = taken(seen)
    assert found is not None
    assert [row.request_id for row in found.rows] == ["3", "4", "5", "6", "7"]
    assert seen.dropped == 3
