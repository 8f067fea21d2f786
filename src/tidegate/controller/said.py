"""What comes to control about answers without a gateway: imported feedback, and the erasure of kept texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.attribution import Attribution
from tidegate.controller.clock import Clock
from tidegate.controller.publisher import Publisher
from tidegate.delivery.feedback import ImportedFeedback, check_feedback
from tidegate.delivery.records import FeedbackRecord
from tidegate.delivery.request_id import read_request_id
from tidegate.delivery.traffic import subject_hash
from tidegate.errors import CallerError, ForbiddenError, InvalidInputError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.database import Database
from tidegate.registry.feedback.keeping import forget_feedback, keep_feedback
from tidegate.registry.kept_content import (
    ErasedTexts,
    erase_request,
    erase_subject,
    forget_content,
    forget_erasures,
    overwrite_deleted,
)
from tidegate.registry.requests import of_requests

MOST_IMPORTED = 10_000  # verdicts of one import
MOST_CONTENT = 1 << 31  # characters of kept texts
FEEDBACK_AGE = timedelta(days=400)
ERASURE_AGE = timedelta(days=90)  # longer than any gateway keeps its spool
_MOST_CHUNKS = 20

T = TypeVar("T")
Change = Callable[[AsyncConnection], Awaitable[T]]

_LOG = structlog.get_logger("tidegate.content")


class Said:
    """Imports and erases.

    Args:
        state: for the audit log.
        observed: where feedback and texts are.
    """

    def __init__(
        self, state: Database, observed: Database, clock: Clock, publisher: Publisher, attribution: Attribution
    ) -> None:
        self._state = state
        self._observed = observed
        self._clock = clock
        self._publisher = publisher
        self._attribution = attribution

    async def import_feedback(
        self, items: Sequence[ImportedFeedback], *, key: str, services: tuple[str, ...] = (), once: str = ""
    ) -> int:
        """Store verdicts, all or none; returns how many.

        Args:
            key: name of the sender's key.
            services: those it covers; empty for all.
            once: idempotency key of the whole import.

        Raises:
            InvalidInputError: what is wrong, and with which of them.
            NotFoundError: it names a service that is not there.
            ForbiddenError: the key does not cover a service, or the service of a request that is known. What is not
                known yet is accepted, and found foreign when it is attributed.
        """
        if len(items) > MOST_IMPORTED:
            raise InvalidInputError(f"{len(items)} verdicts are more than {MOST_IMPORTED}", remedy="send them in parts")
        now = self._clock.now()
        records = []
        for index, item in enumerate(items):
            try:
                records.append(self._record(item, now, key, services, f"{once}:{index}" if once else ""))
            except CallerError as error:
                where = f"items[{index}].{error.where}" if error.where else f"items[{index}]"
                raise type(error)(error.message, code=error.code, where=where, remedy=error.remedy) from None
        if services:
            await self._refuse_foreign(records, key, services)
        await self._observed.transact(lambda connection: keep_feedback(connection, records))
        await self._attribution.attribute(everything=True)
        return len(records)

    async def erase(self, service: str, subject: str, *, actor: str) -> ErasedTexts:
        """Erase the texts of a unit, user or conversation of a service, and keep none that arrives late.

        Raises:
            NotFoundError: no such service.
        """
        subject_id, now = subject_hash(self._salt(service), subject), self._clock.now()
        erased = await self._erase(lambda connection: erase_subject(connection, subject_id, _micro(now)))
        await self._note(actor, service, {"subject_hash": f"{subject_id:016x}", **erased._asdict()})
        return erased

    async def erase_request(self, service: str, request_id: str, *, actor: str) -> ErasedTexts:
        """Erase the texts of one request."""
        erased = await self._erase(lambda connection: erase_request(connection, request_id))
        await self._note(actor, service, {"request_id": request_id, **erased._asdict()})
        return erased

    async def clean_up(self) -> None:
        """Forget texts, feedback and erasures whose time is over."""
        now = self._clock.now()

        async def forget(connection: AsyncConnection) -> int:
            return await forget_content(connection, _micro(now), most_size=MOST_CONTENT)

        for _ in range(_MOST_CHUNKS):
            if not await self._observed.transact(_overwriting(forget)):
                break
        await self._observed.transact(lambda connection: forget_feedback(connection, _micro(now - FEEDBACK_AGE)))
        await self._observed.transact(lambda connection: forget_erasures(connection, _micro(now - ERASURE_AGE)))

    async def _erase(self, change: Change[ErasedTexts]) -> ErasedTexts:
        erased = await self._observed.transact(_overwriting(change))
        await self._observed.checkpoint()
        return erased

    async def _note(self, actor: str, service: str, detail: dict[str, object]) -> None:
        """What was erased is audited by hashes and numbers alone."""
        now = self._clock.now()
        await self._state.transact(
            lambda connection: audit.append(connection, actor, "content.erased", service, detail, now)
        )
        _LOG.info("content_erased", service=service)

    def _record(
        self, item: ImportedFeedback, now: datetime, key: str, services: tuple[str, ...], once: str
    ) -> FeedbackRecord:
        check_feedback(item)
        if item.request_id:
            read_request_id(item.request_id, bytes.fromhex(self._publisher.current.mac_key))
        elif services and item.service not in services:
            raise _out_of_scope(f"the service {item.service!r}", key, services, "service")
        if item.at is not None and item.at.tzinfo is None:
            raise InvalidInputError("the instant has no offset", where="at", remedy="write 2026-09-15T12:00:00Z")
        return FeedbackRecord(
            at_us=_micro(min(item.at or now, now)),
            key=key,
            name=item.name,
            value=item.value,
            request_id=item.request_id or "",
            service="" if item.request_id else item.service or "",
            services=services,
            unit_hash=0 if item.request_id else subject_hash(self._salt(item.service or ""), item.named_unit),
            source=item.source,
            comment=item.comment,
            demonstration=item.demonstration,
            once=once,
        )

    async def _refuse_foreign(self, records: Sequence[FeedbackRecord], key: str, services: tuple[str, ...]) -> None:
        async with self._observed.read() as connection:
            known = await of_requests(connection, {record.request_id for record in records if record.request_id})
        for index, record in enumerate(records):
            found = known.get(record.request_id)
            if found is not None and found.observation.service not in services:
                where = f"items[{index}].request_id"
                raise _out_of_scope(f"the service that answered {record.request_id}", key, services, where)

    def _salt(self, service: str) -> str:
        route = self._publisher.current.services.get(service)
        if route is None:
            raise NotFoundError(f"there is no service {service!r}", code="unknown_service", where="service")
        return route.salt


def _out_of_scope(what: str, key: str, services: tuple[str, ...], where: str) -> ForbiddenError:
    return ForbiddenError(
        f"key {key!r} is for {', '.join(services)}, not for {what}",
        code="service_scope",
        where=where,
        remedy="send it with a key of that service",
    )


def _overwriting(change: Change[T]) -> Change[T]:
    """``change`` in a transaction whose deletions leave nothing behind."""

    async def changed(connection: AsyncConnection) -> T:
        await overwrite_deleted(connection)
        try:
            return await change(connection)
        finally:
            await overwrite_deleted(connection, is_wanted=False)

    return changed


def _micro(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
