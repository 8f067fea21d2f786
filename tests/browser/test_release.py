"""A release as people live through it in front of a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser.product import barriers

pytestmark = pytest.mark.timeout(300)  # a browser and four processes on a busy machine
SOON = 60_000


def weight(page):
    return page.locator("dt:text-is('Weight set') + dd")


async def test_a_canary_goes_up_before_ones_eyes_and_is_promoted(product, window):
    product.service("rising")
    with product.traffic("rising"):
        release = product.canary("rising", {"split": "20%", "soak": "2s"}, {"split": "60%", "soak": "2s"})
        page = await window("viewer")
        await page.goto(f"/releases/{release}")
        await page.evaluate("window.sameLoad = true")
        await expect(page.locator("#pulse")).to_have_text("Live", timeout=SOON)
        await expect(weight(page)).to_have_text("60 %", timeout=SOON)
        await expect(page.locator(".hero .mark").first).to_contain_text("succeeded", timeout=SOON)
        await expect(weight(page)).to_have_text("100 %")
    assert await page.evaluate("window.sameLoad") is True
    await expect(page.locator(".step.done")).to_have_count(5)
    await expect(page.locator(".river svg path").first).to_be_attached(timeout=SOON)
    assert await page.get_by_text("Abort", exact=True).count() == 0  # a viewer sees


@pytest.mark.slow
async def test_abort_by_button_says_what_will_happen_and_does_it(product, window):
    product.service("stopped")
    release = product.canary("stopped", {"split": "5%", "soak": "10m"})
    page = await window()
    await page.goto(f"/releases/{release}")
    await expect(weight(page)).to_have_text("5 %", timeout=SOON)
    await page.get_by_text("Abort", exact=True).first.click()
    await expect(page.locator(".action[open] .sheet")).to_contain_text("All new traffic goes to v1.0.0 at once")
    await page.locator(".action[open] input[name=reason]").fill("wrong tone")
    await page.get_by_role("button", name="Abort").click()
    await expect(page.locator(".notice.done")).to_contain_text("Accepted: abort")
    await expect(page.locator(".hero .mark").first).to_contain_text("rolled back", timeout=SOON)
    await expect(page.locator("#part-events")).to_contain_text("wrong tone")
    assert product.admin.release_by_id(release).weights[product.admin.status("stopped").stable] == 10_000


@pytest.mark.slow
async def test_of_two_who_decide_at_once_the_second_is_told(product, window):
    product.service("contested")
    release = product.canary("contested", {"split": "5%", "soak": "10m"}, {"split": "50%", "soak": "10m"})
    one, other = await window(), await window("admin")
    for page in (one, other):
        await page.goto(f"/releases/{release}")
        await expect(weight(page)).to_have_text("5 %", timeout=SOON)
        await page.get_by_text("Go on now", exact=True).first.click()  # what is open is not drawn anew
    await one.get_by_role("button", name="Go on now").click()
    await expect(one.locator(".notice.done")).to_be_visible()
    await expect(one.locator("#part-events")).to_contain_text("asked to go on", timeout=SOON)
    await other.get_by_role("button", name="Go on now").click()
    await expect(other.locator(".notice.fail")).to_contain_text("Somebody was faster")
    product.admin.abort(release, reason="seen")


@pytest.mark.slow
async def test_an_approval_is_given_by_an_approver_only(product, window):
    product.service("approved")
    with product.traffic("approved"):
        release = product.canary("approved", {"split": "30%", "soak": "1s"}, {"approve": "approver", "timeout": "1h"})
        operator, approver = await window("operator"), await window("approver")
        for page in (operator, approver):
            await page.goto(f"/releases/{release}")
            await expect(page.locator(".hero .mark").first).to_contain_text("await approval", timeout=SOON)
        assert await operator.get_by_text("Approve", exact=True).count() == 0
        await approver.get_by_text("Approve", exact=True).first.click()
        await approver.get_by_role("button", name="Approve").click()
        await expect(operator.locator(".hero .mark").first).to_contain_text("succeeded", timeout=SOON)
    await expect(operator.locator("#part-events")).to_contain_text("approver approved")


async def test_the_keyboard_alone_leads_from_the_login_to_an_abort(product, window):
    product.service("typed")
    release = product.canary("typed", {"split": "5%", "soak": "10m"})
    page = await window(None)
    await page.goto(f"/releases/{release}")
    await page.keyboard.type("operator-of-the-browser-tests")  # the field has the focus
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/releases/{release}")
    await expect(weight(page)).to_have_text("5 %", timeout=SOON)
    assert await barriers(page) == []
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == "Abort":
            break
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"  # where one is can be seen
    await page.keyboard.press("Enter")
    await expect(page.locator(".action[open] input[name=reason]")).to_be_focused()
    await page.keyboard.type("by hand")
    await page.keyboard.press("Enter")
    await expect(page.locator(".hero .mark").first).to_contain_text("rolled back", timeout=SOON)
    await expect(page.locator("#part-events")).to_contain_text("by hand")
