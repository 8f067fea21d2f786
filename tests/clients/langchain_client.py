"""LangChain's OpenAI and Anthropic models: one JSON line for each check, as checks.mjs writes them.

Run by the interpreter of a scratch environment, which has LangChain and not Tidegate.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import traceback
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import anthropic
import openai
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

GATEWAY, KEY, SIMULATOR = (os.environ[name] for name in ("GATEWAY_URL", "GATEWAY_KEY", "SIMULATOR_URL"))
ANSWER, SYSTEM = os.environ["EXPECTED_ANSWER"], os.environ["EXPECTED_SYSTEM"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
EXPECTED = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"}), ("get_time", {"zone": "CET"})]
PATIENCE_SECONDS = 20.0

LOOP = asyncio.Runner()
"""One for all checks: LangChain keeps asynchronous connections beyond a model's life."""

Model = Callable[..., Any]


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


@tool
def get_time(zone: str) -> str:
    """Time in a zone."""
    return f"noon in {zone}"


TOOLS = {"get_weather": get_weather, "get_time": get_time}


def simulator(path: str, method: str = "GET") -> Any:
    request = urllib.request.Request(f"{SIMULATOR}/simulator/{path}", method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def until(holds: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(counts := simulator("stats")):
        assert time.monotonic() < deadline, counts
        time.sleep(0.02)


def last() -> str:
    return json.dumps(simulator("requests?limit=1")[0]["body"])


def calls(message: AIMessage) -> list[tuple[str, Any]]:
    return [(call["name"], call["args"]) for call in message.tool_calls]


def chat(model: Model, service: Callable[[str], str]) -> None:
    answer = model(service("plain")).invoke("Hello")
    assert answer.text == ANSWER, answer
    assert LOOP.run(model(service("plain")).ainvoke("Hello")).text == ANSWER


def streaming(model: Model, service: Callable[[str], str]) -> None:
    pieces = list(model(service("in-pieces")).stream("Hello"))
    assert "".join(piece.text for piece in pieces) == ANSWER
    assert len(pieces) > 5


def usage(model: Model, service: Callable[[str], str]) -> None:
    whole = model(service("plain")).invoke("Hello").usage_metadata
    pieces = list(model(service("plain")).stream("Hello"))
    streamed = sum(pieces[1:], start=pieces[0]).usage_metadata
    assert whole["output_tokens"] > 5
    assert streamed["output_tokens"] == whole["output_tokens"]
    assert streamed["input_tokens"] == whole["input_tokens"]


def prompt(model: Model, service: Callable[[str], str]) -> None:
    model(service("prompted")).invoke([SystemMessage("Speak as a sailor."), HumanMessage("Hello")])
    assert SYSTEM in last()
    assert "Speak as a sailor." in last()


def tools(model: Model, service: Callable[[str], str]) -> None:
    answer = model(service("one-tool")).bind_tools([get_weather]).invoke("Weather?")
    assert calls(answer) == EXPECTED[:1]


def parallel_tools(model: Model, service: Callable[[str], str]) -> None:
    bound = model(service("many-tools")).bind_tools(list(TOOLS.values()))
    turns: list[Any] = [HumanMessage("Weather?")]
    turns.append(bound.invoke(turns))
    assert calls(turns[-1]) == EXPECTED
    turns += [
        ToolMessage(TOOLS[call["name"]].invoke(call["args"]), tool_call_id=call["id"]) for call in turns[-1].tool_calls
    ]
    assert bound.invoke(turns).text == "It is sunny in both."


def streamed_tools(model: Model, service: Callable[[str], str]) -> None:
    pieces = list(model(service("many-tools")).bind_tools(list(TOOLS.values())).stream("Weather?"))
    assert calls(sum(pieces[1:], start=pieces[0])) == EXPECTED


def structured(model: Model, service: Callable[[str], str]) -> None:
    for method in ("json_schema", "function_calling"):
        asked = model(service("structured")).with_structured_output(Person, method=method)
        assert isinstance(asked.invoke("Who?"), Person), method


def images(model: Model, service: Callable[[str], str]) -> None:
    for source, expected in (
        ({"base64": PIXEL, "mime_type": "image/png"}, PIXEL),
        ({"url": "https://images.example/tide.png"}, "https://images.example/tide.png"),
    ):
        content = [{"type": "text", "text": "What?"}, {"type": "image", **source}]
        model(service("plain")).invoke([HumanMessage(content_blocks=content)])
        assert expected in last()


def embeddings(_: Model, service: Callable[[str], str]) -> None:
    client = OpenAIEmbeddings(
        model=service("plain"), base_url=f"{GATEWAY}/v1", api_key=KEY, check_embedding_ctx_length=False
    )
    assert [len(vector) for vector in client.embed_documents(["a", "b"])] == [16, 16]


def responses(_: Model, service: Callable[[str], str]) -> None:
    model = openai_model(service("plain"), use_responses_api=True)
    assert model.invoke("Hello").text == ANSWER
    assert "".join(piece.text for piece in model.stream("Hello")) == ANSWER


def errors(model: Model, service: Callable[[str], str]) -> None:
    expected = {"bad-request": "BadRequestError", "limited": "RateLimitError", "broken": "InternalServerError"}
    asked = {service(behaviour): name for behaviour, name in expected.items()} | {"nobody": "NotFoundError"}
    for name, kind in asked.items():
        kinds = (getattr(openai, kind), getattr(anthropic, kind))
        try:
            model(name).invoke("Hello")
        except kinds:
            continue
        raise AssertionError(f"{name} raised nothing")


def errors_midway(model: Model, service: Callable[[str], str]) -> None:
    for behaviour in ("error-midway", "cut-midway"):
        received = ""
        try:
            for piece in model(service(behaviour)).stream("Hello"):
                received += piece.text
        except (openai.APIError, anthropic.APIError):
            assert received
            assert ANSWER.startswith(received)
            continue
        raise AssertionError(f"{behaviour} raised nothing")


def retries(model: Model, service: Callable[[str], str]) -> None:
    began = time.monotonic()
    assert model(service("limited-once"), max_retries=2).invoke("Hello").text == ANSWER
    assert time.monotonic() - began >= 0.9


def timeouts(model: Model, service: Callable[[str], str]) -> None:
    try:
        model(service("silent"), timeout=0.3).invoke("Hello")
    except (openai.APITimeoutError, anthropic.APITimeoutError):
        until(lambda counts: counts["aborted"] == 1)
        return
    raise AssertionError("nothing was raised")


def abort(model: Model, service: Callable[[str], str]) -> None:
    async def leave() -> None:
        has_begun = asyncio.Event()

        async def read() -> None:
            async for piece in model(service("long")).astream("Hello"):
                if piece.text:
                    has_begun.set()

        reading = asyncio.create_task(read())
        await asyncio.wait_for(has_begun.wait(), PATIENCE_SECONDS)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    LOOP.run(leave())
    until(lambda counts: counts["aborted_streams"] == 1)


CHECKS: dict[str, Callable[..., None]] = {
    "chat": chat,
    "streaming": streaming,
    "usage": usage,
    "version's prompt": prompt,
    "tools": tools,
    "parallel tools, results sent back": parallel_tools,
    "streamed tools": streamed_tools,
    "structured output": structured,
    "images": images,
    "errors": errors,
    "errors midway": errors_midway,
    "retries": retries,
    "timeouts": timeouts,
    "abort": abort,
}
OPENAI_ENDPOINTS: dict[str, Callable[..., None]] = {"embeddings": embeddings, "responses": responses}


def openai_model(name: str, **settings: Any) -> ChatOpenAI:
    given = {"base_url": f"{GATEWAY}/v1", "api_key": KEY, "max_retries": 0, "timeout": 15, "stream_usage": True}
    return ChatOpenAI(model=name, **(given | settings))


def anthropic_model(name: str, **settings: Any) -> ChatAnthropic:
    given = {"base_url": GATEWAY, "api_key": KEY, "max_retries": 0, "timeout": 15, "max_tokens": 2500}
    return ChatAnthropic(model=name, **(given | settings))


def run(package: str, model: Model, extra: dict[str, Callable[..., None]]) -> None:
    print(json.dumps({"client": package, "version": version(package)}), flush=True)
    for upstream in ("openai", "anthropic"):
        for feature, check in (CHECKS | (extra if upstream == "openai" else {})).items():
            until(lambda counts: counts["concurrent"] == 0)
            simulator("reset", "POST")
            error = None
            try:
                check(model, lambda behaviour, upstream=upstream: f"{behaviour}-on-{upstream}")
            except Exception:
                error = traceback.format_exc()
            print(json.dumps({"feature": feature, "upstream": upstream, "error": error}), flush=True)


if __name__ == "__main__":
    with LOOP:
        run("langchain-openai", openai_model, OPENAI_ENDPOINTS)
        run("langchain-anthropic", anthropic_model, {})
