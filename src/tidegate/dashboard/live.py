"""Keeps pages live: one look for everybody who sees the same, and one stream to each of them.

A topic is a page as one kind of caller sees it. While somebody watches, it looks again when something has happened,
at most once a second, draws the parts, and sends those that changed; a hundred watchers cost one look.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from tidegate.dashboard.drawing import as_message
from tidegate.errors import TidegateError

_LOG = structlog.get_logger("tidegate.dashboard")
LOOK_SECONDS = 1.0
STILL_SECONDS = 10.0  # after which it looks again though nothing was heard of: another process may have done it
BEAT_SECONDS = 10.0
MOST_TOPICS = 500
ANY_TOKEN = secrets.token_hex(32)  # nobody can write it into what a page shows
Parts = dict[str, str]


class Topic:
    """One page of one kind of caller, and who watches it."""

    def __init__(self, look: Callable[[], Awaitable[Parts]], has_news: Callable[[], object]) -> None:
        self._look = look
        self._has_news = has_news
        self._watchers: set[asyncio.Queue[bytes | None]] = set()
        self._shown: Parts = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody watches."""
        return not self._watchers

    def join(self) -> asyncio.Queue[bytes | None]:
        """A new watcher, who is told everything first; ``None`` in the queue ends the stream."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=8)
        if self._shown:
            queue.put_nowait(as_message(list(self._shown.items())))
        self._watchers.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="dashboard-topic")
        return queue

    def leave(self, queue: asyncio.Queue[bytes | None]) -> None:
        """A watcher is gone; the last one stops the looking."""
        self._watchers.discard(queue)
        if self.is_idle and self._task is not None:
            self._task.cancel()
            self._task, self._shown = None, {}

    async def _run(self) -> None:
        heard: object = None
        waited = STILL_SECONDS
        while True:
            news = self._has_news()
            if news != heard or waited >= STILL_SECONDS:
                heard, waited = news, 0.0
                if not await self._tell():
                    return
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS

    async def _tell(self) -> bool:
        try:
            parts = await self._look()
        except TidegateError as error:  # what was looked at is gone, or may not be seen any more
            _LOG.info("topic_ended", error=str(error))
            self._send(None)
            return False
        except Exception as error:
            _LOG.error("topic_failed", error=repr(error), exc_info=error)
            return True
        changed = {name: html for name, html in parts.items() if self._shown.get(name) != html}
        self._shown = parts
        if changed:
            self._send(as_message(list(changed.items())))
        return True

    def _send(self, message: bytes | None) -> None:
        for queue in list(self._watchers):
            if queue.full():  # too slow to follow: it comes back and is told everything
                queue.get_nowait()
                message_or_end = None
            else:
                message_or_end = message
            queue.put_nowait(message_or_end)


class Topics:
    """Every topic somebody watches.

    Args:
        closing: ends every stream.
        has_news: something that differs once anything has happened.
    """

    def __init__(self, closing: asyncio.Event, has_news: Callable[[], object]) -> None:
        self._closing = closing
        self._has_news = has_news
        self._topics: dict[Any, Topic] = {}

    async def watch(
        self,
        key: Any,
        look: Callable[[], Awaitable[Parts]],
        may_go_on: Callable[[], Awaitable[bool]],
        token: str = "",
    ) -> AsyncIterator[bytes]:
        """The bytes of one stream.

        Args:
            key: of the topic; ``look`` gives its parts to whoever has the same key.
            look: the parts as they are now.
            may_go_on: whether this watcher may still see them; asked with each beat.
            token: of this watcher's forms, put in place of :data:`ANY_TOKEN`: all else is the same for everybody.
        """
        if len(self._topics) >= MOST_TOPICS and key not in self._topics:
            return
        topic = self._topics.setdefault(key, Topic(look, self._has_news))
        queue = topic.join()
        closed = asyncio.ensure_future(self._closing.wait())
        try:
            yield b": welcome\n\n"
            while (message := await _next(queue, closed)) is not None:
                yield message.replace(_ANY_TOKEN, token.encode())
                if message is _BEAT and not await may_go_on():
                    return
        finally:
            closed.cancel()
            topic.leave(queue)
            if topic.is_idle:
                self._topics.pop(key, None)


_ANY_TOKEN = ANY_TOKEN.encode()
_BEAT = b": still here\n\n"


async def _next(queue: asyncio.Queue[bytes | None], closed: asyncio.Future[Any]) -> bytes | None:
    """The next message, a beat after a while without one, or ``None`` at the end."""
    upcoming = asyncio.ensure_future(queue.get())
    awaited: set[asyncio.Future[Any]] = {upcoming, closed}
    done, _ = await asyncio.wait(awaited, timeout=BEAT_SECONDS, return_when="FIRST_COMPLETED")
    if upcoming in done:
        return upcoming.result()
    upcoming.cancel()
    return None if closed in done else _BEAT
