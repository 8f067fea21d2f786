import ast
import json
import re
from pathlib import Path

import pytest_asyncio
from jsonschema import Draft202012Validator

from tidegate.api.error_codes import CODES
from tidegate.delivery.observation import COLUMNS

SOURCE = Path(__file__).parents[2] / "src" / "tidegate"
# the two speak to models' clients in the codes of their APIs
DIALECTS = ("gateway", "wire", "simulator")


@pytest_asyncio.fixture(loop_scope="session")
async def document(shared):
    return (await shared.send("GET", "//api/openapi.json")).json()


def operations(document):
    return [(method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()]


async def test_every_route_says_what_it_does_and_what_it_answers(document):
    for method, path, operation in operations(document):
        assert operation.get("description"), f"{method} {path}"
        if path.startswith("/api/"):
            assert "default" in operation["responses"] or "text/" in json.dumps(operation), f"{method} {path}"
            assert all(each.get("description") for each in operation["responses"].values()), f"{method} {path}"


async def test_every_reference_leads_somewhere_and_every_schema_is_a_schema(document):
    schemas = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert document["openapi"].startswith("3.1")


async def test_operation_ids_are_unique(document):
    found = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(found) == len(set(found))


async def test_answers_are_of_the_schema_they_promise(shared, document):
    for path in (
        "/services",
        "/services/bot",
        "/services/bot/spec",
        "/services/bot/versions",
        "/providers",
        "/audit",
        "/versions/bot@stable",
    ):
        name = {"/services/bot": "/services/{service}", "/versions/bot@stable": "/versions/{ref}"}.get(
            path, path.replace("/bot", "/{service}")
        )
        schema = document["paths"][f"/api/v1{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        answer = (await shared.send("GET", path)).json()
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer)


async def test_requests_are_told_with_every_field_of_an_observation(document):
    assert tuple(document["components"]["schemas"]["ServedRequest"]["properties"]) == COLUMNS


async def test_the_page_of_the_docs_needs_nothing_from_elsewhere(shared, document):
    page = await shared.send("GET", "//api/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page.text)
    for method, path, _ in operations(document):
        assert f"{method.upper()} {path}".replace("&", "&amp;") in page.text


def test_every_code_that_an_error_can_carry_is_documented_and_no_other():
    used = set()
    for file in SOURCE.rglob("*.py"):
        if file.relative_to(SOURCE).parts[0] in DIALECTS:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith(("Error", "_not_yet")):
                used |= {
                    word.value.value
                    for word in node.keywords
                    if word.arg == "code" and isinstance(word.value, ast.Constant)
                }
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "default_code":
                used.add(node.value.value)
            if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "default_code":
                used.add(node.value.value)
    assert used - set(CODES) == set(), "document these in tidegate/api/error_codes.py"
    http = {"unknown_path", "method_not_allowed", "bad_json"}
    assert set(CODES) - used - http == set(), "nobody raises these any more"
