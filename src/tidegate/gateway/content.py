"""Keeps what was asked and answered, where a service's policy says so.

While a request runs only bytes are noted. What they say is read, and personal data replaced, one by one in a thread
after the request is over and *before* anything leaves the process: neither the spool on disk nor the link
to control ever holds what a policy wants redacted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import mmh3
import msgspec
import structlog

from tidegate.delivery.records import ContentRecord
from tidegate.delivery.redaction import redact
from tidegate.delivery.snapshot import TOTAL_WEIGHT, ContentPolicy
from tidegate.delivery.traffic import subject_hash
from tidegate.gateway.transcript import Allowance, Transcript
from tidegate.wire.answer_text import answer_text
from tidegate.wire.prompt_text import Turn, read_prompt

if TYPE_CHECKING:
    from tidegate.gateway.call import Call
    from tidegate.gateway.records import Records
    from tidegate.wire.kinds import Kind

MOST_PROMPT_BYTES = 1 << 20
KEEP_SECONDS = 0.2

log = structlog.get_logger("tidegate.gateway.content")


class _Noted(NamedTuple):
    """A finished request, still in bytes."""

    kind: Kind
    is_stream: bool
    prompt: bytes
    answer: Transcript
    is_cut: bool
    policy: ContentPolicy
    record: ContentRecord  # without its texts


class ContentKeeper:
    """Notes answers, and turns what was noted into records.

    Args:
        records: where they go.

    Attributes:
        dropped: requests that were to be kept and for which there was no room.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._allowance = Allowance()
        self._noted: deque[_Noted] = deque()
        self.dropped = 0

    def begin(self, call: Call, policy: ContentPolicy) -> None:
        """Note the answer if the request belongs to the sample."""
        if is_sampled(call.request_id, policy.sample):
            call.transcript = Transcript(self._allowance)

    def end(self, call: Call, transcript: Transcript) -> None:
        """The request is over: keep it if somebody answered it."""
        policy = call.route.route.content if call.route is not None else None
        if call.served is None or policy is None or call.is_forced:
            transcript.clear()
            return
        body = call.request.body
        is_cut = len(body) > MOST_PROMPT_BYTES
        size = 0 if is_cut else len(body)
        if not self._allowance.take(size):
            transcript.clear()
            self.dropped += 1
            return
        prompt = b"" if is_cut else bytes(body)
        record = content_of(call, policy, call.served.version)
        is_cut = is_cut or transcript.is_cut
        self._noted.append(_Noted(call.kind, call.facts.stream, prompt, transcript, is_cut, policy, record))

    async def run(self) -> None:
        """Turn into records what was noted, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            while self._noted:
                noted = self._noted[0]
                try:
                    self._put(noted, await loop.run_in_executor(None, _read, noted))
                except Exception as error:  # one odd request must not stop the keeping of others
                    log.error("content.unreadable", request_id=noted.record.request_id, error=type(error).__name__)
                    self._forget(noted)

    def finish(self) -> None:
        """Turn the rest into records now."""
        while self._noted:
            noted = self._noted[0]
            with suppress(Exception):
                self._put(noted, _read(noted))
                continue
            self._forget(noted)

    def _put(self, noted: _Noted, record: ContentRecord) -> None:
        self._forget(noted)
        self._records.put(record)

    def _forget(self, noted: _Noted) -> None:
        self._noted.popleft()
        self._allowance.give_back(len(noted.prompt))
        noted.answer.clear()


def is_sampled(request_id: str, sample: int) -> bool:
    """Whether the request is among ``sample`` of 10,000; the same for everybody who asks."""
    return (mmh3.hash(request_id, signed=False) * TOTAL_WEIGHT) >> 32 < sample


def content_of(call: Call, policy: ContentPolicy, version: str) -> ContentRecord:
    """The record of what ``version`` answered, without its texts."""
    assert call.route is not None
    salt, facts = call.route.route.salt, call.facts
    conversation = facts.conversation or facts.previous_response_id
    return ContentRecord(
        request_id=call.request_id,
        at_us=call.started_at_us,
        service=call.route.name,
        version=version,
        unit_hash=call.unit_hash,
        user_hash=subject_hash(salt, facts.user) if facts.user else 0,
        conversation_hash=subject_hash(salt, conversation) if conversation else 0,
        prompt=(),
        answer="",
        keep_seconds=policy.keep_seconds,
    )


def _read(noted: _Noted) -> ContentRecord:
    """What the bytes say; runs in a thread."""
    turns = read_prompt(noted.kind, noted.prompt)
    answer = answer_text(noted.kind, bytes(noted.answer), is_stream=noted.is_stream) or ""
    if noted.policy.redact:
        turns = tuple(Turn(turn.role, redact(turn.text)) for turn in turns)
        answer = redact(answer)
    return msgspec.structs.replace(
        noted.record, prompt=turns, answer=answer, is_cut=noted.is_cut, is_redacted=noted.policy.redact
    )
