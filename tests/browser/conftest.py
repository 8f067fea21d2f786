"""One browser and one product for the whole folder; each test gets windows and services of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser.product import CHROMIUM, KEYS, MODELS, PATIENCE, SWITCHES, Product, configuration
from tests.cli.running import serving


@pytest.fixture(scope="package")
def product(tmp_path_factory):
    folder = tmp_path_factory.mktemp("product")
    (folder / "models.yaml").write_text(MODELS)
    with serving("simulate", "--scenario", "models.yaml", "--port", 0, cwd=folder) as (_, simulator):
        (folder / "tidegate.yaml").write_text(configuration(simulator["url"]))
        with serving("up", cwd=folder) as (_, urls):
            made = Product(urls["gateway"], urls["control"])
            yield made
            made.admin.close()


@pytest.fixture(scope="package")
def chromium():
    if not Path(CHROMIUM).exists():
        pytest.skip("no /usr/bin/chromium here: `make system-packages` as root installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES), timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def window(product, chromium):
    """Opens a window at which somebody of a role sits; the test fails if one of its scripts did."""
    opened, failures = [], []

    def open_window(role: str | None = "operator", **more):
        context = chromium.new_context(base_url=product.control, **more)
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda line: failures.append(line.text) if "Content Security Policy" in line.text else None)
        page.on("dialog", lambda dialog: failures.append(f"dialog: {dialog.message}") or dialog.dismiss())
        if role is not None:
            page.goto("/login")
            page.get_by_label("Key").fill(KEYS[role])
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/")
        return page

    yield open_window
    for context in opened:
        context.close()
    assert failures == []
