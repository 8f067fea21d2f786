"""System prompts with variables. The engine is loaded by the first version that has any."""

from __future__ import annotations

from typing import Any

from tidegate.errors import OperatorError
from tidegate.wire.errors import MalformedBodyError

FUEL = 100_000
"""Steps a template may take; loops over client values cannot stall a gateway."""

_NAME = "system.txt"  # the suffix says: no HTML escaping


class PromptTemplate:
    """A compiled template and the variables it takes.

    Args:
        source: minijinja; an undefined variable is an error, never an empty text.
        defaults: name -> default, ``None`` when the request must bring the value.

    Raises:
        OperatorError: the template does not compile.
    """

    def __init__(self, source: str, defaults: dict[str, str | None]) -> None:
        import minijinja  # noqa: PLC0415 - most versions have no variables

        self._defaults = defaults
        self._environment = minijinja.Environment(undefined_behavior="strict", fuel=FUEL, keep_trailing_newline=True)
        self._error: type[Exception] = minijinja.TemplateError
        try:
            self._environment.add_template(_NAME, source)
        except minijinja.TemplateError as error:
            raise OperatorError(f"the version's prompt is no valid template: {error}", where="prompt.system") from None

    def render(self, variables: dict[str, Any] | None) -> str:
        """The prompt for one request; variables that the version does not declare are ignored.

        Raises:
            MalformedBodyError: a variable is missing, or rendering with these values fails.
        """
        given = variables or {}
        values: dict[str, Any] = {}
        for name, default in self._defaults.items():
            value = given.get(name)
            value = default if value is None else value
            if value is None:
                where = f"tidegate.variables.{name}"
                raise MalformedBodyError(f"the version's prompt needs the variable {name!r}", where=where)
            values[name] = value
        try:
            return str(self._environment.render_template(_NAME, **values))
        except self._error as error:
            where = "tidegate.variables"
            raise MalformedBodyError(f"the prompt cannot be rendered with these values: {error}", where=where) from None
