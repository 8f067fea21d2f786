"""Conversations of the official SDKs, which send back what they were answered, reasoning and all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import anthropic
import openai

History = list[dict[str, Any]]


class Door(Protocol):
    """An endpoint as its official client uses it."""

    dialect: str
    close: Callable[[], Awaitable[None]]

    async def turn(self, history: History, **settings: Any) -> None:
        """Ask, and add the answer to the history as the client got it."""
        ...


class Messages:
    """``/v1/messages``."""

    dialect = "anthropic"

    def __init__(self, url: str, key: str, *, stream: bool) -> None:
        self._client = anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0)
        self._stream = stream
        self.close = self._client.close

    async def turn(self, history: History, **settings: Any) -> None:
        asked = {"model": "bot", "max_tokens": 4000, "messages": history, **settings}
        if self._stream:
            async with self._client.messages.stream(**asked) as running:
                answer = await running.get_final_message()
        else:
            answer = await self._client.messages.create(**asked)
        content = [block.model_dump(exclude_none=True) for block in answer.content]
        history.append({"role": "assistant", "content": content})


class _OpenAI:
    dialect = "openai"

    def __init__(self, url: str, key: str, *, stream: bool) -> None:
        self._client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        self._stream = stream
        self.close = self._client.close


class Responses(_OpenAI):
    """``/v1/responses``, where the client keeps the conversation."""

    async def turn(self, history: History, **settings: Any) -> None:
        asked = {"model": "bot", "input": history, "store": False, **settings}
        if self._stream:
            async with self._client.responses.stream(**asked) as running:
                answer = await running.get_final_response()
        else:
            answer = await self._client.responses.create(**asked)
        told = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
        for item in told:
            for part in item.get("content") or ():
                part.pop("parsed", None)
        history += told


class Chat(_OpenAI):
    """``/v1/chat/completions``; reasoning is no field the client knows, so its user picks it up."""

    async def turn(self, history: History, **settings: Any) -> None:
        asked = {"model": "bot", "messages": history, **settings}
        if not self._stream:
            answer = await self._client.chat.completions.create(**asked)
            history.append(answer.choices[0].message.model_dump(exclude_none=True))
            return
        message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_content": "", "reasoning_details": []}
        async for chunk in await self._client.chat.completions.create(**asked, stream=True):
            for choice in chunk.choices:
                told = choice.delta.model_dump(exclude_none=True)
                for name in ("content", "reasoning_content", "reasoning_details"):
                    message[name] += told.get(name) or type(message[name])()
        history.append(message)


DOORS: dict[str, type[Messages | Responses | Chat]] = {"messages": Messages, "responses": Responses, "chat": Chat}
