from __future__ import annotations

import pytest
from tests.fakes.observations import observation as plain

from tidegate.delivery.observation import Observation, ObservationBatch
from tidegate.gateway import observer as module
from tidegate.gateway.observer import Observer


def observation(request_id: str) -> Observation:
    return plain(request_id=request_id)


def batch(sequence: int, rows: int = 3) -> ObservationBatch:
    return ObservationBatch.of("g", "boot", sequence, [observation(f"{sequence}.{i}") for i in range(rows)])


def test_a_batch_gives_back_its_observations():
    rows = [observation("a"), observation("b")]
    assert ObservationBatch.of("g", "boot", 1, rows).rows() == rows


def test_batches_are_bounded_and_numbered():
    seen = Observer("g", "boot")
    for i in range(module.BATCH_ROWS + 1):
        seen.record(observation(str(i)))
    first, second, third = seen.take(), seen.take(), seen.take()
    assert first is not None
    assert second is not None
    assert third is None
    assert (first.sequence, len(first.rows())) == (1, module.BATCH_ROWS)
    assert (second.sequence, second.rows()[0].request_id) == (2, str(module.BATCH_ROWS))


def test_when_nobody_takes_them_the_oldest_are_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(module, "MAX_PENDING", 5)
    seen = Observer("g", "boot")
    for i in range(8):
        seen.record(observation(str(i)))
    taken = seen.take()
    assert taken is not None
    assert [row.request_id for row in taken.rows()] == ["3", "4", "5", "6", "7"]
    assert seen.dropped == 3


def test_a_batch_without_a_column_is_refused():
    broken = batch(1)
    del broken.columns["outcome"]
    with pytest.raises(KeyError):
        broken.rows()
