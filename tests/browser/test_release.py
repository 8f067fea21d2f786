"""A release as people live through it in front of a browser."""

from __future__ import annotations

from playwright.sync_api import expect

SOON = 60_000


def weight(page):
    return page.locator("dt:text-is('Weight set') + dd")


def test_a_canary_goes_up_before_ones_eyes_and_is_promoted(product, window):
    product.service("rising")
    with product.traffic("rising"):
        release = product.canary("rising", {"split": "20%", "soak": "2s"}, {"split": "60%", "soak": "2s"})
        page = window("viewer")
        page.goto(f"/releases/{release}")
        page.evaluate("window.sameLoad = true")
        expect(page.locator("#pulse")).to_have_text("Live", timeout=SOON)
        expect(weight(page)).to_have_text("60 %", timeout=SOON)
        expect(page.locator(".hero .mark").first).to_contain_text("succeeded", timeout=SOON)
        expect(weight(page)).to_have_text("100 %")
    assert page.evaluate("window.sameLoad") is True
    expect(page.locator(".step.done")).to_have_count(5)
    expect(page.locator(".river svg path").first).to_be_attached(timeout=SOON)
    assert page.get_by_text("Abort", exact=True).count() == 0  # a viewer sees


def test_abort_by_button_says_what_will_happen_and_does_it(product, window):
    product.service("stopped")
    release = product.canary("stopped", {"split": "5%", "soak": "10m"})
    page = window()
    page.goto(f"/releases/{release}")
    expect(weight(page)).to_have_text("5 %", timeout=SOON)
    page.get_by_text("Abort", exact=True).first.click()
    expect(page.locator(".action[open] .sheet")).to_contain_text("All new traffic goes to v1.0.0 at once")
    page.locator("input[name=reason-abort]").fill("wrong tone")
    page.get_by_role("button", name="Abort").click()
    expect(page.locator(".notice.done")).to_contain_text("Accepted: abort")
    expect(page.locator(".hero .mark").first).to_contain_text("rolled back", timeout=SOON)
    expect(page.locator("#part-events")).to_contain_text("wrong tone")
    assert product.admin.release_by_id(release).weights[product.admin.status("stopped").stable] == 10_000


def test_of_two_who_decide_at_once_the_second_is_told(product, window):
    product.service("contested")
    release = product.canary("contested", {"split": "5%", "soak": "10m"}, {"split": "50%", "soak": "10m"})
    one, other = window(), window("admin")
    for page in (one, other):
        page.goto(f"/releases/{release}")
        expect(weight(page)).to_have_text("5 %", timeout=SOON)
        page.get_by_text("Go on now", exact=True).first.click()  # what is open is not drawn anew
    one.get_by_role("button", name="Go on now").click()
    expect(one.locator(".notice.done")).to_be_visible()
    expect(one.locator("#part-events")).to_contain_text("asked to go on", timeout=SOON)
    other.get_by_role("button", name="Go on now").click()
    expect(other.locator(".notice.fail")).to_contain_text("Somebody was faster")
    product.admin.abort(release, reason="seen")


def test_an_approval_is_given_by_an_approver_only(product, window):
    product.service("approved")
    with product.traffic("approved"):
        release = product.canary("approved", {"split": "30%", "soak": "1s"}, {"approve": "approver", "timeout": "1h"})
        operator, approver = window("operator"), window("approver")
        for page in (operator, approver):
            page.goto(f"/releases/{release}")
            expect(page.locator(".hero .mark").first).to_contain_text("await approval", timeout=SOON)
        assert operator.get_by_text("Approve", exact=True).count() == 0
        approver.get_by_text("Approve", exact=True).first.click()
        approver.get_by_role("button", name="Approve").click()
        expect(operator.locator(".hero .mark").first).to_contain_text("succeeded", timeout=SOON)
    expect(operator.locator("#part-events")).to_contain_text("approver approved")


def test_the_keyboard_alone_leads_from_the_login_to_an_abort(product, window):
    product.service("typed")
    release = product.canary("typed", {"split": "5%", "soak": "10m"})
    page = window(None)
    page.goto(f"/releases/{release}")
    page.keyboard.type("operator-of-the-browser-tests")  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/releases/{release}")
    expect(weight(page)).to_have_text("5 %", timeout=SOON)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Abort":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"  # where one is can be seen
    page.keyboard.press("Enter")
    page.keyboard.type("by hand")  # the reason's field has the focus
    page.keyboard.press("Enter")
    expect(page.locator(".hero .mark").first).to_contain_text("rolled back", timeout=SOON)
    expect(page.locator("#part-events")).to_contain_text("by hand")
