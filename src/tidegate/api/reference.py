"""Writes ``docs/reference/api.md`` from the API itself: ``python -m tidegate.api.reference FILE``."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tidegate.api.app import API_PREFIX, API_ROUTERS, include_routes
from tidegate.api.caller import RIGHTS, Right
from tidegate.api.error_codes import CODES
from tidegate.api.openapi import install_openapi, operations

_INTRODUCTION = """\
# Admin API

Written by `python -m tidegate.api.reference docs/reference/api.md` from the API itself. A running control tells the same
at `/api/docs`, and to programs at `/api/openapi.json`.

Bodies and answers are JSON. A caller shows its key as `authorization: Bearer KEY`; without any key, whoever can connect
on this machine is an admin. A key for certain services may name these only, and nothing that concerns all of them.
Lists page by `limit` and `cursor`: `next` of one page is the `cursor` of the following one. POST takes an
`Idempotency-Key`, except for keys; PUT and DELETE may be repeated as they are. Where `If-Match` is taken, it is the
`ETag` of what was looked at. Errors are problem details (RFC 9457) of the shape [`Problem`](#problem).
"""
_ANYBODY = "none; open to whoever can connect"


def render() -> str:
    """The whole page."""
    app = FastAPI()
    include_routes(app)
    install_openapi(app)
    document = app.openapi()
    roles = _roles()
    lines = [_INTRODUCTION, *_operations(document, roles), *_shapes(document), "## Error codes", ""]
    lines += ["| code | means |", "|---|---|", *(f"| `{code}` | {CODES[code]} |" for code in sorted(CODES))]
    return "\n".join(lines) + "\n"


def right_of(dependant: Dependant) -> Right | None:
    """The right that a route asks for; ``None`` lets everybody in who can connect."""
    for each in dependant.dependencies:
        found: Right | None = getattr(each.call, "right", None) or right_of(each)
        if found is not None:
            return found
    return None


def _roles() -> dict[tuple[str, str], str]:
    """By method and path: which roles will do."""
    found: dict[tuple[str, str], str] = {}
    for route in (each for router in API_ROUTERS for each in router.routes if isinstance(each, APIRoute)):
        right = right_of(route.dependant)
        told = _ANYBODY if right is None else " or ".join(sorted(RIGHTS[right]))
        found |= {(method.lower(), API_PREFIX + route.path_format): told for method in route.methods or ()}
    return found


def _operations(document: dict[str, Any], roles: dict[tuple[str, str], str]) -> Iterator[str]:
    tag = None
    for method, path, operation in operations(document):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            yield from (f"## {tag.capitalize()}", "")
        yield from (f"### `{method.upper()} {path}`", "", " ".join(operation["description"].split()), "")
        yield f"- role: {roles.get((method, path), _ANYBODY)}"
        for content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"- body: {_content(*content)}"
        for each in operation.get("parameters", ()):
            yield f"- {each['in']}: `{each['name']}`{_told(each)}"
        for status, answer in operation["responses"].items():
            if status != "default":
                shapes = ", ".join(_content(*content) for content in answer.get("content", {}).items())
                yield f"- answer {status}: {shapes}".rstrip(": ")
        yield ""


def _told(parameter: dict[str, Any]) -> str:
    told = " ".join(parameter.get("description", "").split())
    needed = ["needed"] if parameter.get("required") and parameter["in"] != "path" else []
    return "".join(f"; {part}" for part in (*needed, told) if part)


def _shapes(document: dict[str, Any]) -> Iterator[str]:
    yield from ("## Shapes", "")
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from (f"### {name}", "", _sentence(schema), "", "| field | type |", "|---|---|")
        needed = set(schema.get("required", ()))
        for field, told in schema.get("properties", {}).items():
            mark = "" if field in needed else ", optional"
            yield f"| `{field}` | {_type(told)}{mark} |"
        yield ""


def _sentence(schema: dict[str, Any]) -> str:
    """The description, its attributes as a list."""
    text, _, attributes = inspect.cleandoc(schema.get("description", "")).partition("Attributes:\n")
    told = [" ".join(each.split()) for each in text.split("\n\n") if each.strip()]
    listed = re.split(r"\n {4}(?! )", "\n" + attributes.rstrip())[1:]
    if listed:
        told.append("\n".join(f"- {' '.join(each.split())}" for each in listed))
    return "\n\n".join(told).replace("``", "`")


def _content(media_type: str, content: dict[str, Any]) -> str:
    told = _type(content["schema"])
    return told if media_type == "application/json" else f"{told} (`{media_type}`)"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_type(schema['items'])}"
    return str(schema.get("format") if schema.get("format") == "date-time" else schema.get("type", "any"))


def main() -> None:
    """Write the page to the file named, else to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, help="where to write it; else to standard output")
    page = parser.parse_args().page
    if page is None:
        sys.stdout.write(render())
    else:
        page.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
