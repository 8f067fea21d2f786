"""The reference page tells every route, shape and code, and is current."""

from pathlib import Path

from tidegate.api.error_codes import CODES
from tidegate.api.reference import render

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"


def section(page, title):
    start = page.index(f"### `{title}`\n")
    return page[start : page.index("\n##", start)]


def test_the_page_is_current():
    assert PAGE.read_text() == render(), "run `python -m tidegate.api.reference docs/reference/api.md`"


async def test_the_page_tells_what_a_running_control_tells(shared):
    page = render()
    document = (await shared.send("GET", "//api/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = section(page, f"{method.upper()} {path}")
            for parameter in operation.get("parameters", ()):
                assert f": `{parameter['name']}`" in told
    for name in document["components"]["schemas"]:
        assert f"\n### {name}\n" in page
    for code in CODES:
        assert f"\n| `{code}` | " in page


def test_each_route_names_the_roles_that_it_asks_for():
    page = render()
    for title, roles in {
        "GET /healthz": "none; open to whoever can connect",
        "GET /api/v1/services": "admin or approver or operator or viewer",
        "POST /api/v1/services/{service}/versions": "admin or operator",
        "POST /api/v1/releases/{release}/approve": "admin or approver",
        "PUT /api/v1/providers/{name}": "admin",
        "POST /api/v1/keys": "admin",
    }.items():
        assert f"\n- role: {roles}\n" in section(page, title), title


def test_shapes_are_told_with_the_meaning_of_their_fields():
    page = render()
    start = page.index("\n### AppliedChange\n")
    told = page[start : page.index("\n### ", start + 1)].splitlines()
    assert "- detail: what changed, one line each." in told
    assert [line for line in told if line.startswith("- action: ") and line.endswith("versions move by releases).")]
