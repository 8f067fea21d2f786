"""Declares commands: each has an example in its help, ``--json``, and, if it speaks with control, ``--url`` and ``--key``.

The decorated function takes what it works with (:class:`~tidegate.cli.session.Session` or
:class:`~tidegate.cli.session.Asked`) as its first parameter; the options that make it are added here, once.
A returned number is the exit code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from tidegate.cli.failures import BROKEN_PIPE, discard_output
from tidegate.cli.session import Asked, Session

Function = TypeVar("Function", bound=Callable[..., int | None])

JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Where control is; else TIDEGATE_URL, tidegate.yaml here, 127.0.0.1:7401."
    ),
]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Access key; else TIDEGATE_KEY.", show_default=False)
]


def api_command(app: typer.Typer, name: str, *, example: str, panel: str) -> Callable[[Function], Function]:
    """Declare a command that acts through the API; its first parameter is a :class:`Session`."""

    def make(given: dict[str, Any], root: dict[str, Any]) -> Session:
        return Session(
            url=given.pop("url") or root.get("url"),
            key=given.pop("key") or root.get("key"),
            as_json=given.pop("as_json") or root.get("as_json", False),
        )

    return _declare(app, name, example, panel, {"url": UrlOption, "key": KeyOption}, make)


def local_command(app: typer.Typer, name: str, *, example: str, panel: str) -> Callable[[Function], Function]:
    """Declare a command that needs no control; its first parameter is an :class:`Asked`."""

    def make(given: dict[str, Any], root: dict[str, Any]) -> Asked:
        return Asked(as_json=given.pop("as_json") or root.get("as_json", False))

    return _declare(app, name, example, panel, {}, make)


def _declare(
    app: typer.Typer,
    name: str,
    example: str,
    panel: str,
    options: dict[str, Any],
    make: Callable[[dict[str, Any], dict[str, Any]], Any],
) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        def call(context: typer.Context, **given: Any) -> None:
            subject = make(given, context.find_root().obj or {})
            _leave_with(function, subject, given)

        hints = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]
        added = [_option(name, annotation) for name, annotation in options.items()]
        added.append(_option("as_json", JsonOption, default=False))
        shown = [parameter.replace(annotation=hints[parameter.name]) for parameter in own] + added
        shown = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shown]
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        call.__signature__ = inspect.Signature([context, *shown])  # type: ignore[attr-defined]  # read by typer
        call.__annotations__ = {each.name: each.annotation for each in (context, *shown)}
        call.__doc__ = _summary(function)
        app.command(name, epilog=f"Example: {example}", rich_help_panel=panel)(call)
        return function

    return decorate


def _leave_with(function: Callable[..., int | None], subject: Any, given: dict[str, Any]) -> None:
    try:
        code = function(subject, **given)
    except BrokenPipeError:
        discard_output()
        code = BROKEN_PIPE
    finally:
        subject.close()
    if code:
        raise typer.Exit(code)


def _option(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _summary(function: Callable[..., Any]) -> str:
    """The docstring without what only programmers read."""
    return inspect.getdoc(function) or ""
