import gzip
import re

import pytest
from tests.dashboard.conftest import browser, experiment, submit
from tests.fakes.observations import batch, observation

from tidegate.dashboard.assets import Assets
from tidegate.dashboard.drawing import Drawing
from tidegate.dashboard.headers import POLICY
from tidegate.dashboard.pages import PAGES
from tidegate.registry.incidents import open_incident

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
INLINE = re.compile(r"<script(?![^>]*(?:src=|type=\"application/json\"))|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)


async def test_every_page_is_whole_and_holds_nothing_inline(shared):
    release, tried = await submit(shared, "v1.2.0"), await experiment(shared)
    await shared.control.store(batch([observation(request_id="req_page")], boot_id="pages"))
    async with shared.client() as client:
        (stable, candidate) = (
            (await client.release_by_id(release)).stable,
            (await client.release_by_id(release)).version,
        )
    addresses = {
        "/": "/",
        "/services/{service}": "/services/bot?last=24h",
        "/services/{service}/drift": "/services/bot/drift",
        "/releases/{release}": f"/releases/{release}",
        "/releases/{release}/pairs": f"/releases/{release}/pairs?different=1",
        "/releases/{release}/results": f"/releases/{tried}/results",
        "/releases/{release}/results/segments": f"/releases/{tried}/results/segments?by=segment",
        "/versions/{ref:path}": f"/versions/{candidate}",
        "/compare": f"/compare?a={stable}&b={candidate}",
        "/plan": "/plan?service=bot&version=v1.2.0&requests_per_hour=3600",
        "/requests": "/requests?id=req_page&service=bot",
        "/requests/{request}": "/requests/req_page",
        "/audit": "/audit?verify=1",
        "/incidents": "/incidents",
        "/settings": "/settings",
    }
    async with browser(shared) as visitor:
        for page in PAGES:
            if page.address not in addresses:
                continue
            answer = await visitor.get(addresses.pop(page.address))
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-security-policy"] == POLICY
            assert not INLINE.search(answer.text)
            assert answer.text.count("<h1") == 1
    assert addresses == {}


async def test_a_page_that_breaks_is_a_page_all_the_same(shared, monkeypatch):
    whole = Drawing.whole

    def breaks(drawing, template, context):
        return whole(drawing, template, context) if template != "audit.html" else f"{1 / 0}"

    monkeypatch.setattr(Drawing, "whole", breaks)
    async with browser(shared) as visitor:
        answer = await visitor.get("/audit")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == POLICY
    assert "through no fault of yours" in answer.text
    assert "division" not in answer.text


async def test_what_is_not_there_is_said_plainly(shared):
    async with browser(shared) as visitor:
        for path in ("/nothing", "/releases/rel_none", "/services/nobody", "/requests/none", "/static/0/none.js"):
            answer = await visitor.get(path)
            assert answer.status_code == 404
            assert "To the overview" in answer.text
        assert (await visitor.get("/api/v1/nothing")).headers["content-type"] == "application/problem+json"


async def test_requests_are_narrowed_down_as_the_api_does(shared):
    rows = [
        observation(request_id="req_quick", duration_us=10_000),
        observation(request_id="req_slow", duration_us=9_000_000, outcome="timeout"),
    ]
    await shared.control.store(batch(rows, boot_id="narrowed"))
    async with browser(shared) as visitor:
        slow = (await visitor.get("/requests?slower_than=5&service=bot")).text
        assert "req_slow" in slow
        assert "req_quick" not in slow
        failed = (await visitor.get("/requests?outcome=timeout")).text
        assert "req_slow" in failed
        assert "req_quick" not in failed
        assert (await visitor.get("/requests?slower_than=long")).status_code == 422
        told = (await visitor.get("/requests/req_slow")).text
        assert "not counted" in told


async def test_an_incident_takes_notes_and_can_be_taken_away(server):
    now = server.control.clock.now()
    release = await submit(server)
    incident = await server.control.state.transact(
        lambda connection: open_incident(
            connection,
            service="bot",
            release=release,
            attempt=1,
            trigger="hard_limit",
            summary="Too many errors.",
            evidence={"verdicts": []},
            exposed_requests=7,
            exposed_units=5,
            now=now,
        )
    )
    async with browser(server) as visitor:
        address = f"/incidents/{incident.id}"
        assert "Open incident on bot" in (await visitor.get("/")).text
        token = await visitor.token(address)
        assert (
            await visitor.post(f"{address}/note", token=token, text="**Next time** <b>slower</b>")
        ).status_code == 303
        page = (await visitor.get(address)).text
        assert "<strong>Next time</strong> &lt;b&gt;slower&lt;/b&gt;" in page
        post_mortem = await visitor.get(f"{address}/post-mortem.md")
        assert "Too many errors." in post_mortem.text
        assert "attachment" in post_mortem.headers["content-disposition"]
        assert (await visitor.get(f"{address}/incident.json")).json()["exposed_requests"] == 7
        assert release in (await visitor.get(f"/releases/{release}/report.md")).text


async def test_a_plan_shows_the_ramp_and_what_it_finds_or_what_is_wrong(server):
    await submit(server)
    async with browser(server) as visitor:
        asked = "/plan?service=bot&version=v1.1.0&requests_per_hour=36000"
        page = (await visitor.get(asked)).text
        assert 'id="ramp"' in page
        assert 'id="power"' in page
        assert "Promote" not in page
        unplanned = (await visitor.get(f"{asked}&spec=strategy%3A+canary%0Aguardrials%3A+[]")).text
        assert "guardrails" in unplanned  # the nearest known key
        assert "cannot be planned" in unplanned
        assert "cannot be planned" in (await visitor.get(f"{asked}many")).text


async def test_an_empty_installation_tells_the_first_three_commands(tmp_path):
    from tests.fakes.control_server import serving

    async with serving(tmp_path) as made, browser(made) as visitor:
        page = (await visitor.get("/")).text
    for command in ("tidegate init", "tidegate push", "tidegate release"):
        assert command in page


async def test_markup_in_names_prompts_and_answers_stays_text(server):
    async with server.client(actor=EVIL[:60]) as client:
        bundle = {"model": "sim/gpt", "prompt": {"system": EVIL}, "card": EVIL, "generation": {"stop": [EVIL]}}
        await client.push(bundle, service="bot", version="v1.1.0")
        release = (await client.release("bot", "v1.1.0", spec={"probe": {"requests": 1}}, reason=EVIL)).id
        await client.freeze("bot", reason=EVIL)
        ref = (await client.version("bot/v1.1.0")).ref
        stable = (await client.status("bot")).stable
    rows = [observation(request_id="req_evil", model=EVIL, finish_reason=EVIL, key=EVIL)]
    await server.control.store(batch(rows))
    paths = ["/", f"/releases/{release}", f"/versions/{ref}", f"/compare?a={stable}&b={ref}", "/requests/req_evil"]
    paths += ["/audit", f"/?contains={EVIL}", f"/requests?id={EVIL}", f"/services/{EVIL}", f"/releases/x?did={EVIL}"]
    async with browser(server) as visitor:
        for path in paths:
            page = (await visitor.get(path)).text
            assert "<script>alert" not in page
            assert "<img src=x" not in page


async def test_no_secret_is_ever_shown(server):
    async with server.client() as client:
        await client.put_provider(
            "paid", {"dialect": "openai", "base_url": "https://example.test/v1", "api_key": "sk-very-secret-value"}
        )
    key = await server.key("root", "admin")
    async with browser(server) as visitor:
        await visitor.log_in(key)
        for path in ("/", "/settings", "/audit"):
            page = (await visitor.get(path)).text
            assert "sk-very-secret-value" not in page
            assert key not in page


async def test_a_decision_on_what_has_changed_since_is_refused_on_the_page(server):
    release = await submit(server)
    async with browser(server) as visitor, server.client() as client:
        address = f"/releases/{release}"
        token = await visitor.token(address)
        seen = str((await client.release_by_id(release)).etag)
        await client.pause(release, reason="somebody else")
        while str((await client.release_by_id(release)).etag) == seen:
            pass
        late = await visitor.post(f"{address}/resume", token=token, etag=seen)
        assert late.status_code == 412
        assert "Somebody was faster" in late.text
        lost = await visitor.post(f"{address}/resume", token=token)
        assert lost.status_code == 422
        now = str((await client.release_by_id(release)).etag)
        assert (await visitor.post(f"{address}/resume", token=token, etag=now)).status_code == 303
        done = await visitor.post(f"{address}/abort", token=token, reason="enough <b>seen</b>")
        assert done.status_code == 303
        assert "enough &lt;b&gt;seen&lt;/b&gt;" in (await visitor.get(done.headers["location"])).text
        ended = await client.wait(release)
        assert ended.release.phase == "rejected"
        assert (await visitor.post(f"{address}/pause", token=token)).status_code == 409


async def test_a_service_is_frozen_and_unfrozen_by_buttons(server):
    async with browser(server) as visitor, server.client() as client:
        token = await visitor.token("/services/bot")
        refused = await visitor.post("/services/bot/freeze", token=token)
        assert refused.status_code == 422
        assert (await visitor.post("/services/bot/freeze", token=token, reason="audit")).status_code == 303
        assert (await client.status("bot")).freeze.reason == "audit"
        assert "frozen" in (await visitor.get("/")).text
        assert (await visitor.post("/services/bot/unfreeze", token=token)).status_code == 303
        assert (await client.status("bot")).freeze is None


async def test_a_first_visit_weighs_less_than_150_kilobytes(shared):
    async with browser(shared) as visitor:
        for path in ("/", "/services/bot"):
            async with visitor.http.stream("GET", path) as answer:
                html = b"".join([chunk async for chunk in answer.aiter_raw()])
            named = re.findall(r'(?:src|href)="(/static/[^"]+)"', gzip.decompress(html).decode())
            weight = len(html)
            for address in set(named):
                async with visitor.http.stream("GET", address) as answer:
                    assert answer.status_code == 200
                    assert "immutable" in answer.headers["cache-control"]
                    weight += len(b"".join([chunk async for chunk in answer.aiter_raw()]))
            assert weight <= 150_000


def test_every_vendored_file_is_the_one_that_is_written_down():
    import hashlib
    from pathlib import Path

    folder = Path(__file__).parents[2] / "src/tidegate/dashboard/static/vendor"
    listed = dict(
        re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (folder / "VERSIONS.md").read_text(), re.MULTILINE)
    )
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "VERSIONS.md"}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == listed
    assert "/static/" in Assets().address("vendor/htmx.min.js")


@pytest.mark.parametrize("size", [256 * 1024 + 1])
async def test_forms_have_bounds(shared, size):
    async with browser(shared) as visitor:
        assert (await visitor.post("/login", key="x" * size)).status_code == 422


async def test_a_fallback_that_answered_is_named_and_leads_to_no_version(shared):
    rescued = observation(
        request_id="req_fallback",
        served="fallback",
        served_version="claude/small",
        attempts=2,
        trail=(("sim/gpt", "timeout", 90_000),),
        later_attempts_us=(95_000,),
    )
    await shared.control.store(batch([rescued], boot_id="fallbacks"))
    async with browser(shared) as visitor:
        page = (await visitor.get("/requests/req_fallback")).text
        assert "<code>claude/small</code>" in page
        assert "/versions/claude/small" not in page
        assert 'class="w-failed"' in page
