"""One browser and one product for the whole folder; each test gets windows and services of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright
from tests.browser.product import CHROMIUM, KEYS, MODELS, PATIENCE, SWITCHES, Product, configuration
from tests.cli.running import serving


def pytest_collection_modifyitems(items):
    """One event loop for the whole folder, so that the browser may outlive a test."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    folder = tmp_path_factory.mktemp("product")
    (folder / "models.yaml").write_text(MODELS)
    with serving("simulate", "--scenario", "models.yaml", "--port", 0, cwd=folder) as (_, simulator):
        (folder / "tidegate.yaml").write_text(configuration(simulator["url"]))
        with serving("up", cwd=folder) as (_, urls):
            made = Product(urls["gateway"], urls["control"])
            yield made
            made.admin.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium():
    if not Path(CHROMIUM).exists():
        pytest.skip("no /usr/bin/chromium here: `make system-packages` as root installs it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES), timeout=PATIENCE)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def window(product, chromium):
    """Opens a window at which somebody of a role sits; the test fails if one of its scripts did."""
    opened, failures = [], []

    async def dismiss(dialog):
        failures.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    async def open_window(role: str | None = "operator", **more):
        context = await chromium.new_context(base_url=product.control, **more)
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda line: failures.append(line.text) if "Content Security Policy" in line.text else None)
        page.on("dialog", dismiss)
        if role is not None:
            await page.goto("/login")
            await page.get_by_label("Key").fill(KEYS[role])
            await page.get_by_role("button", name="Log in").click()
            await page.wait_for_url("**/")
        return page

    yield open_window
    for context in opened:
        await context.close()
    assert failures == []
