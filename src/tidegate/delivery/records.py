"""What gateways tell control beside observations: rare, larger, each of its own kind; and the batch it travels in.

A record is written into its batch the moment it is put there, so what waits is bytes whose sum is bounded. Each
kind is one struct below, told apart by the field ``kind``; to add one, add its struct to :data:`Record` and say
in ``controller.record_ingest`` how it is kept. A kind that control does not know yet is skipped and counted:
a newer gateway costs an older control nothing but those.

Instants are integer microseconds since the Unix epoch; unit hashes are those of observations (64 bits of salt
and unit), 0 where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tidegate.delivery.pairs import PairRecord
from tidegate.wire.prompt_text import Turn


class FeedbackRecord(msgspec.Struct, tag_field="kind", tag="feedback", frozen=True, kw_only=True):
    """What a user or an application says about an answer, later.

    It names a request, or (``request_id`` empty) a unit of the service, whose latest request it then is about.

    Attributes:
        at_us: when the gateway took it.
        key: name of the key that sent it, ``""`` without keys.
        service: of a unit; ``""`` with a request id, whose service control looks up.
        services: those the key covers; empty for all.
        name: ``thumbs_up``, ``rating``, ``converted``, …
        source: who judged (``user``, ``editor``, a program); one verdict counts for each request, name and source.
        value: yes or no, a finite number, or the name of a category; ``None`` beside a text alone.
        comment, demonstration: free text; what should have been answered.
        once: idempotency key of the sender, ``""`` without one.
    """

    at_us: int
    key: str
    name: str
    value: bool | float | str | None
    request_id: str = ""
    service: str = ""
    services: tuple[str, ...] = ()
    unit_hash: int = 0
    source: str = "user"
    comment: str = ""
    demonstration: str = ""
    once: str = ""


class ContentRecord(msgspec.Struct, tag_field="kind", tag="content", frozen=True, kw_only=True):
    """What was asked and answered, kept by the policy of its service.

    Attributes:
        at_us: when the request came.
        version: that answered.
        prompt, answer: as text, after any redaction.
        is_cut: one of them was longer than a record carries.
        is_redacted: personal data was replaced before it left the gateway.
        unit_hash, user_hash, conversation_hash: by which it can be erased.
        keep_seconds: how long it may be kept.
    """

    request_id: str
    at_us: int
    service: str
    version: str
    unit_hash: int
    prompt: tuple[Turn, ...]
    answer: str
    is_cut: bool = False
    is_redacted: bool = False
    user_hash: int = 0
    conversation_hash: int = 0
    keep_seconds: int = 0


Record = FeedbackRecord | ContentRecord | PairRecord

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """A record as it lies in a batch."""
    return _ENCODER.encode(record)


class RecordBatch(msgspec.Struct, kw_only=True):
    """Records of any kinds, in the order they came.

    ``(boot_id, sequence)`` identifies the batch, in one numbering with the process's observations: control
    stores it and what the records say in one transaction, so a batch sent twice counts once.
    """

    gateway: str
    boot_id: str
    sequence: int
    records: list[msgspec.Raw]

    @classmethod
    def of(cls, gateway: str, boot_id: str, sequence: int, encoded: Iterable[bytes]) -> RecordBatch:
        """A batch of records that :func:`encode_record` wrote."""
        records = [msgspec.Raw(each) for each in encoded]
        return cls(gateway=gateway, boot_id=boot_id, sequence=sequence, records=records)

    def __len__(self) -> int:
        return len(self.records)

    def decoded(self) -> list[Record]:
        """The records whose kind and fields are known here."""
        found: list[Record] = []
        for raw in self.records:
            try:
                found.append(_DECODER.decode(raw))
            except msgspec.ValidationError:
                continue
        return found
