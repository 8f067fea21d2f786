import asyncio

from tests.dashboard.conftest import browser, submit

from tidegate.dashboard import live
from tidegate.dashboard.live import Topics
from tidegate.errors import NotFoundError


async def events(stream):
    """Each message of a stream, without comments."""
    kept = b""
    async for chunk in stream:
        kept += chunk
        while b"\n\n" in kept:
            message, _, kept = kept.partition(b"\n\n")
            if not message.startswith(b":"):
                yield message.decode()


async def test_a_release_page_is_told_what_happens(server):
    release = await submit(server)
    async with browser(server) as visitor, visitor.http.stream("GET", f"/live/releases/{release}") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer.aiter_raw())
        first = await asyncio.wait_for(anext(told), 120)
        for part in ("headline", "actions", "program", "river", "metrics", "events"):
            assert f'hx-target="#part-{part}"' in first
        async with server.client() as client:
            await client.abort(release, reason="changed my mind")
        async with asyncio.timeout(120):
            while "changed my mind" not in await anext(told):
                pass


async def test_a_stream_of_what_is_not_there_ends(shared):
    async with browser(shared) as visitor:
        answer = await visitor.get("/live/releases/rel_none")
        assert "hx-target" not in answer.text


async def test_watchers_of_the_same_page_cost_one_look(monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.01)
    looks, news = [], [0]

    async def look():
        looks.append(1)
        return {"a": f"<p>{news[0]}</p>", "b": "<p>still</p>"}

    async def always():
        return True

    topics = Topics(closing := asyncio.Event(), lambda: news[0])
    watchers = [events(topics.watch("page", look, always)) for _ in range(20)]
    firsts = await asyncio.gather(*map(anext, watchers))
    assert len(looks) == 1
    assert all("part-a" in first and "part-b" in first for first in firsts)
    news[0] = 1
    seconds = await asyncio.gather(*map(anext, watchers))
    assert len(looks) == 2
    assert all("<p>1</p>" in second and "part-b" not in second for second in seconds)
    closing.set()
    assert [message async for message in watchers[0]] == []


async def test_a_look_that_fails_is_repeated_and_one_that_finds_nothing_ends(monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.01)
    answers = [ValueError("a bug"), {"a": "<p>1</p>"}, NotFoundError("gone")]
    news = [0]

    async def look():
        news[0] += 1
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def always():
        return True

    topics = Topics(asyncio.Event(), lambda: news[0])
    told = [message async for message in events(topics.watch("page", look, always))]
    assert len(told) == 1
    assert "<p>1</p>" in told[0]


async def test_whoever_may_no_longer_look_is_left_out(monkeypatch):
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.01)

    async def look():
        return {"a": "<p>1</p>"}

    async def never():
        return False

    topics = Topics(asyncio.Event(), lambda: 0)
    assert len([message async for message in events(topics.watch("page", look, never))]) == 1
