import httpx2
import pytest

from tidegate.errors import NotFoundError


async def test_a_service_is_reported_as_data_markdown_and_a_page(shared):
    async with shared.client() as client:
        report = await client.service_report("bot", last_seconds=3600)
        assert (report.service, report.total.requests) == ("bot", 0)
        assert (await client.service_report_page("bot")).startswith("# bot, ")
        assert (await client.service_report_page("bot", written_as="html")).startswith("<!doctype html>")
        assert (await client.drift("bot")).versions == ()
        with pytest.raises(NotFoundError):
            await client.drift("nobody")


async def test_the_page_runs_no_script(shared):
    async with httpx2.AsyncClient(trust_env=False) as plain:
        answer = await plain.get(f"{shared.url}/api/v1/services/bot/report", params={"format": "html"})
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
