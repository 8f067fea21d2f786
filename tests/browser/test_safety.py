"""What must not happen in a browser: strangers in, scripts of others, forms of others, people shut out."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser.product import EVIL, KEYS, barriers, bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_logging_in_and_out(product, window):
    page = await window(None)
    await page.goto("/settings")
    assert page.url.endswith("/login?next=/settings")
    await page.get_by_label("Key").fill("a guess")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nobody knows this key")
    await page.get_by_label("Key").fill(KEYS["viewer"])
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("**/settings")
    assert await page.evaluate("document.cookie") == ""  # scripts cannot read it
    assert KEYS["viewer"] not in await page.content()
    await page.get_by_role("button", name="Log out").click()
    await page.wait_for_url("**/login")
    await page.goto("/settings")
    assert "/login" in page.url


async def test_a_form_of_another_page_is_refused(product, window):
    product.service("forged")
    release = product.canary("forged", {"split": "5%", "soak": "10m"})
    page = await window("admin")
    sent = "path => fetch(path, {method: 'POST', body: new URLSearchParams({token: ''})}).then(answer => answer.status)"
    assert await page.evaluate(sent, f"/releases/{release}/abort") == 403
    assert product.admin.release_by_id(release).breach is None
    product.admin.abort(release)


async def test_markup_of_strangers_stays_text(product, window):
    first = product.service("hostile")
    evil = {**bundle("good", EVIL), "card": EVIL}
    ref = product.admin.push(evil, service="hostile", version="v1.2.0").ref
    product.admin.freeze("hostile", reason=EVIL)
    release = product.admin.release("hostile", "v1.2.0", spec={"probe": {"requests": 1}}, reason=EVIL).id
    page = await window("admin")
    paths = ("/", f"/releases/{release}", f"/versions/{ref}", f"/compare?a={first}&b={ref}", "/audit")
    for path in (*paths, f"/requests?id={EVIL}", f"/?contains={EVIL}"):
        await page.goto(path)
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img").count() == 0
    assert "&lt;script&gt;" in await (await page.goto(f"/versions/{ref}")).text()
    product.admin.unfreeze("hostile")
    product.admin.abort(release)


async def test_nothing_bars_the_way_dark_or_light_on_a_desk_or_a_phone(product, window):
    product.service("plain")
    release = product.canary("plain", {"split": "5%", "soak": "10m"})
    for scheme, width in (("light", 1280), ("dark", 390)):
        page = await window("operator", color_scheme=scheme, viewport={"width": width, "height": 800})
        for path in ("/", f"/releases/{release}"):
            await page.goto(path)
            await expect(page.locator("h1")).to_have_count(1)
            assert await barriers(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    product.admin.abort(release)
