from __future__ import annotations

from tidegate.delivery.records import ContentRecord, FeedbackRecord, encode_record
from tidegate.gateway import records as module
from tidegate.gateway.records import Records
from tidegate.wire.prompt_text import Turn


def content(request_id: str, size: int = 10) -> ContentRecord:
    return ContentRecord(
        request_id=request_id,
        at_us=1,
        service="bot",
        version="v",
        unit_hash=7,
        prompt=(Turn("user", "p" * size),),
        answer="a",
    )


def ids(batch) -> list[str]:
    return [record.request_id for record in batch.decoded()]


def test_records_of_all_kinds_come_back_as_they_were_put_in_their_order():
    kept = Records("g", "boot")
    sent = [
        FeedbackRecord(at_us=1, key="k", name="stars", value=4.5, request_id="req_1"),
        content("req_2"),
        FeedbackRecord(at_us=2, key="k", name="topic", value="refund", service="bot", unit_hash=2**63 + 1),
        FeedbackRecord(at_us=3, key="k", name="thumbs_up", value=False, request_id="req_3"),
    ]
    for record in sent:
        kept.put(record)
    batch = kept.take()
    assert batch is not None
    assert (batch.boot_id, batch.sequence, len(batch), batch.decoded()) == ("boot", 1, 4, sent)
    assert kept.take() is None


def test_a_yes_stays_a_yes_and_does_not_become_a_number():
    kept = Records("g", "boot")
    kept.put(FeedbackRecord(at_us=1, key="", name="thumbs_up", value=True))
    batch = kept.take()
    assert batch is not None
    (record,) = batch.decoded()
    assert isinstance(record, FeedbackRecord)
    assert record.value is True


def test_a_kind_of_a_newer_gateway_is_skipped_alone():
    kept = Records("g", "boot")
    kept.put(content("req_1"))
    batch = kept.take()
    assert batch is not None
    newer = encode_record(content("req_2")).replace(b"content", b"surprise"[:7])
    assert len(newer) == len(encode_record(content("req_2")))
    batch = type(batch).of("g", "boot", 2, [newer, encode_record(content("req_3"))])
    assert (len(batch), ids(batch)) == (2, ["req_3"])


def test_beyond_the_bound_of_bytes_the_oldest_are_dropped_and_counted(monkeypatch):
    size = len(encode_record(content("req_0")))
    monkeypatch.setattr(module, "MAX_PENDING_BYTES", 3 * size)
    kept = Records("g", "boot")
    for number in range(5):
        kept.put(content(f"req_{number}"))
    batch = kept.take()
    assert batch is not None
    assert (ids(batch), kept.dropped, len(kept)) == (["req_2", "req_3", "req_4"], 2, 0)
    kept.put(content("req_5"))  # what was taken takes no room any more
    kept.put(content("req_6"))
    kept.put(content("req_7"))
    assert kept.dropped == 2


def test_batches_are_bounded_by_bytes_and_by_number(monkeypatch):
    size = len(encode_record(content("req_0")))
    monkeypatch.setattr(module, "BATCH_BYTES", 2 * size)
    kept = Records("g", "boot")
    for number in range(3):
        kept.put(content(f"req_{number}"))
    kept.put(content("large", size=10 * size))
    monkeypatch.setattr(module, "BATCH_RECORDS", 10)
    taken = []
    while (batch := kept.take()) is not None:
        taken.append(ids(batch))
    assert taken == [["req_0", "req_1"], ["req_2"], ["large"]]
