from __future__ import annotations

import os

import msgspec
from tests.gateway.test_observer import batch

from tidegate.delivery.observation import ObservationBatch
from tidegate.gateway.spool import Spool


def ids(data: bytes) -> list[str]:
    return [row.request_id for row in msgspec.msgpack.decode(data, type=ObservationBatch).rows]


def test_spooled_batches_come_back_oldest_first_after_a_restart(tmp_path):
    before = Spool(tmp_path)
    before.put(batch(1), now_ms=1_000)
    before.put(batch(2), now_ms=2_000)
    after = Spool(tmp_path)
    after.put(batch(1), now_ms=3_000)
    seen = []
    while (data := after.oldest()) is not None:
        seen.append(ids(data)[0])
        after.discard()
    assert seen == ["1.0", "2.0", "1.0"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_spool_drops_the_oldest_and_counts_their_rows(tmp_path):
    size = len(msgspec.msgpack.encode(batch(1)))
    spool = Spool(tmp_path, max_bytes=2 * size + 10)
    for sequence in (1, 2, 3, 4):
        spool.put(batch(sequence), now_ms=sequence)
    assert (len(spool), spool.dropped) == (2, 6)
    oldest = spool.oldest()
    assert oldest is not None
    assert ids(oldest)[0] == "3.0"


def test_a_draft_left_by_a_crash_is_removed_and_one_that_is_being_written_is_not(tmp_path):
    old, fresh = (tmp_path / f"00000000000001-boot-000000000{number}-3.new" for number in (1, 2))
    for draft in (old, fresh):
        draft.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert len(Spool(tmp_path)) == 0
    assert list(tmp_path.iterdir()) == [fresh]


def test_two_processes_share_a_spool_while_one_replaces_the_other(tmp_path):
    old = Spool(tmp_path)
    old.put(batch(1), now_ms=1)
    old.put(batch(2), now_ms=2)
    new = Spool(tmp_path)
    assert new.oldest() is not None
    new.discard()  # the new one sent it first
    oldest = old.oldest()
    assert oldest is not None
    assert ids(oldest)[0] == "2.0"
    old.put(batch(3), now_ms=3)  # the old one's last words, while control is away
    new.look()
    seen = []
    while (data := new.oldest()) is not None:
        seen.append(ids(data)[0])
        assert new.discard()
    assert seen == ["2.0", "3.0"]
    assert old.oldest() is None
    assert (old.dropped, new.dropped, list(tmp_path.iterdir())) == (0, 0, [])


def test_a_file_that_cannot_be_read_is_skipped_and_counted(tmp_path):
    (tmp_path / "00000000000001-boot-0000000001-3.batch").mkdir()
    spool = Spool(tmp_path)
    spool.put(batch(2), now_ms=2)
    oldest = spool.oldest()
    assert oldest is not None
    assert ids(oldest)[0] == "2.0"
    assert spool.dropped == 3
