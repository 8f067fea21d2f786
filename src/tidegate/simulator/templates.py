"""Texts of a scenario that look at the request: minijinja, compiled once per distinct text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import minijinja

from tidegate.errors import InvalidInputError

_FUEL = 1_000_000  # instructions per text; a template cannot hang the simulator


@lru_cache(maxsize=1024)
def _compiled(template: str) -> minijinja.Environment:
    environment = minijinja.Environment(templates={"text": template}, fuel=_FUEL)
    environment.auto_escape_callback = lambda _: False
    return environment


def check_template(template: str, *, where: str) -> None:
    """Reject a template that cannot be compiled.

    Raises:
        InvalidInputError: with the compiler's complaint.
    """
    try:
        _compiled(template).render_template("text")
    except minijinja.TemplateError as error:
        if error.kind in ("SyntaxError", "UnknownFilter", "UnknownTest", "UnknownFunction"):
            raise InvalidInputError(f"The template is broken: {error.message}.", where=where) from None


def render(template: str, variables: dict[str, Any]) -> str:
    """Fill in a template; a name nobody set is empty, a failing expression shows its error as the text."""
    if "{" not in template:
        return template
    try:
        return _compiled(template).render_template("text", **variables)
    except minijinja.TemplateError as error:
        return f"[template failed: {error.message}]"
