"""OpenAPI of the admin API: FastAPI's, with the public shapes as components, and a page that shows it.

The page is rendered here, without scripts and without anything from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from types import ModuleType
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tidegate import __version__
from tidegate.api.error_codes import CODES
from tidegate.api.problems import Problem
from tidegate.delivery.planning import planned
from tidegate.shapes import (
    audit,
    counts,
    evaluations,
    experiments,
    gateways,
    incidents,
    judges,
    keys,
    logs,
    metrics,
    pairs,
    providers,
    releases,
    reports,
    requests,
    services,
    traffic,
    versions,
)
from tidegate.shapes import operations as operations_shapes
from tidegate.shapes import prompts as prompt_shapes

_SHAPES: tuple[ModuleType, ...] = (
    releases,
    incidents,
    experiments,
    planned,
    pairs,
    traffic,
    reports,
    versions,
    operations_shapes,
    prompt_shapes,
    evaluations,
    requests,
    counts,
    judges,
    services,
    providers,
    keys,
    gateways,
    metrics,
    audit,
    logs,
)
_METHODS = ("get", "put", "post", "delete")
_DESCRIPTION = """Versions, releases and rollback of LLM services.

Errors are RFC 9457 problem details with a stable `code`. Lists page by `limit` and `cursor`. Writes by POST take an
`Idempotency-Key`; PUT and DELETE may be repeated as they are. `promote` and `resume` need `If-Match`.
Roles: viewer reads; operator also operates; approver approves and rejects; admin also writes providers and keys."""
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2430;background:#fff}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f5f8;border-radius:4px;padding:.1em .3em}
pre{padding:.8em;overflow:auto}details{margin:.4rem 0}summary{cursor:pointer}h2{margin-top:2rem;border-bottom:1px solid #d7dde5}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid #e6eaf0}
@media(prefers-color-scheme:dark){body{color:#dde4ec;background:#12171d}code,pre{background:#1e262f}h2,td,th{border-color:#323c47}a{color:#8ab8ff}}"""


def install_openapi(app: FastAPI) -> None:
    """Let ``app.openapi()`` return the whole document."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way


def docs_page(document: dict[str, Any]) -> str:
    """The document as one HTML page."""
    body = "".join([*_sections(document), *_codes(), *_schemas(document)])
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(document['info']['description'])}</p>"
        f'<p><a href="/api/openapi.json">openapi.json</a></p>{body}</html>'
    )


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(title="Tidegate", version=__version__, description=_DESCRIPTION, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(_shapes())
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for _, _, operation in operations(made):
            operation["responses"].pop("422", None)  # problems are the default answer
        made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"key": []}, {}]
        app.openapi_schema = made
    return app.openapi_schema


def _shapes() -> dict[str, Any]:
    kinds = [
        kind
        for module in _SHAPES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
    ]
    _, components = msgspec.json.schema_components([*kinds, Problem], ref_template="#/components/schemas/{name}")
    return components


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method, path, methods[method]


def _sections(document: dict[str, Any]) -> Iterator[str]:
    tag = None
    for method, path, operation in operations(document):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            yield f"<h2>{escape(tag)}</h2>"
        yield f"<details><summary><code>{method.upper()} {escape(path)}</code></summary>"
        yield f"<p>{escape(operation.get('description', ''))}</p>"
        yield "".join(_parameters(operation))
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"<p>Body: {_type(content['schema'])}</p>"
        for status, told in operation["responses"].items():
            types = ", ".join(_type(content["schema"]) for content in told.get("content", {}).values())
            yield f"<p>{escape(status)}: {escape(told['description'])} {types}</p>"
        yield "</details>"


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    if operation.get("parameters"):
        yield "<table><tr><th>Parameter<th>In<th>Meaning"
        for each in operation["parameters"]:
            told = each.get("description", "") or ("required" if each.get("required") else "")
            yield f"<tr><td><code>{escape(each['name'])}</code><td>{each['in']}<td>{escape(told)}"
        yield "</table>"


def _codes() -> Iterator[str]:
    yield "<h2>Error codes</h2><table><tr><th>Code<th>Meaning"
    for code, meaning in sorted(CODES.items()):
        yield f'<tr id="{code}"><td><code>{code}</code><td>{escape(meaning)}'
    yield "</table>"


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Shapes</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield f"<p>{escape(schema.get('description', ''))}</p><table><tr><th>Field<th>Type"
        for field, told in schema.get("properties", {}).items():
            yield f"<tr><td><code>{escape(field)}</code><td>{_type(told)} {escape(told.get('description', ''))}"
        yield "</table></details>"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_type(schema['items'])}"
    return escape(str(schema.get("type", "any")))
