"""Writes ``Client`` and ``AsyncClient`` from :mod:`tidegate.client.calls`: one method for each public function.

Each subject becomes a class of its own in a module of its own; the client is all of them together.
Run ``python -m tidegate.client.surface`` after a change there; a test compares what is checked in.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Literal, NamedTuple, TypeGuard

Mode = Literal["sync", "async"]
SUBJECTS = (
    "versions",
    "services",
    "releases",
    "experiments",
    "planning",
    "traffic",
    "requests",
    "feedback",
    "records",
    "evaluations",
    "prompts",
    "installation",
)
_FOLDER = Path(__file__).parent
_CALLS = "tidegate.client.calls"
_KINDS = ("Call", "Flow", "Stream")


class _Words(NamedTuple):
    """What differs between the two clients."""

    package: str
    name: str
    transport: str
    sentence: str
    define: str
    wait: str
    iterator: str
    enter: str
    leave: str


_WORDS: dict[Mode, _Words] = {
    "sync": _Words(
        "blocking",
        "Client",
        "SyncTransport",
        "Blocking client of the admin API",
        "def",
        "",
        "Iterator",
        "__enter__",
        "__exit__",
    ),
    "async": _Words(
        "asynchronous",
        "AsyncClient",
        "AsyncTransport",
        "The same client for asyncio",
        "async def",
        "await ",
        "AsyncIterator",
        "__aenter__",
        "__aexit__",
    ),
}


def sources_of(mode: Mode) -> dict[Path, str]:
    """The text of each module of one client, before formatting."""
    words = _WORDS[mode]
    folder = _FOLDER / words.package
    subjects = {folder / f"{subject}.py": _subject_source(subject, words) for subject in SUBJECTS}
    return {folder / "__init__.py": _client_source(words), **subjects}


def main() -> None:
    """Write the modules of both."""
    for mode in _WORDS:
        for path, source in sources_of(mode).items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(source, encoding="utf-8")


def _client_source(words: _Words) -> str:
    origin = f"tidegate.client.{words.package}"
    imports = "\n".join(f"from {origin}.{subject} import {_class_of(subject)}" for subject in SUBJECTS)
    return f'''"""{words.sentence}; written by :mod:`tidegate.client.surface` from :mod:`{_CALLS}`."""

from __future__ import annotations

from typing import Self

import httpx2

{imports}
from tidegate.client.exchange import DEFAULT_URL, Server
from tidegate.client.transport import {words.transport}

__all__ = ["{words.name}"]


class {words.name}({", ".join(map(_class_of, SUBJECTS))}):
    """{words.sentence}; errors are those of :mod:`tidegate.errors`, as the server raised them.

    Args:
        url: of control.
        key: access key; without one only a control without keys, on this machine, answers.
        actor: ``user@host`` for the audit log of a control without keys.
        timeout: seconds for each exchange, beyond what the server takes on purpose.
        transport: replaces the network (tests).
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        actor: str | None = None,
        timeout: float = 30.0,
        transport: httpx2.{"Async" if words.wait else ""}BaseTransport | None = None,
    ) -> None:
        server = Server(url=url or DEFAULT_URL, key=key, actor=actor, timeout_seconds=timeout)
        self._transport = {words.transport}(server, transport)

    {words.define} {words.enter}(self) -> Self:
        return self

    {words.define} {words.leave}(self, *_exception: object) -> None:
        {words.wait}self.close()

    {words.define} close(self) -> None:
        """Close every connection."""
        {words.wait}self._transport.close()
'''


def _subject_source(subject: str, words: _Words) -> str:
    tree = ast.parse((_FOLDER / "calls" / f"{subject}.py").read_text(encoding="utf-8"))
    methods = "\n".join(_method(node, subject, words) for node in tree.body if _is_operation(node))
    body = f'''class {_class_of(subject)}:
    """The operations of :mod:`{_CALLS}.{subject}`; part of :class:`~tidegate.client.{words.name}`."""

    _transport: {words.transport}

{methods}'''
    return f'''"""{ast.get_docstring(tree)}

Written by :mod:`tidegate.client.surface` from :mod:`{_CALLS}.{subject}`.
"""

from __future__ import annotations

{_imports(tree, subject, words, _names_in(body))}


{body}'''


def _imports(tree: ast.Module, subject: str, words: _Words, used: set[str]) -> str:
    """Every import that the signatures need: those of the calls, and what only this side has."""
    added = {
        words.iterator: "collections.abc",
        subject: _CALLS,
        words.transport: "tidegate.client.transport",
    }
    named = {alias.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    named |= dict.fromkeys(_aliases(tree), f"{_CALLS}.{subject}")
    named |= added
    lines: dict[str, list[str]] = {}
    for name, module in named.items():
        if name in used:
            lines.setdefault(str(module), []).append(name)
    return "\n".join(f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(lines.items()))


def _aliases(tree: ast.Module) -> list[str]:
    targets = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_operation(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def _names_in(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _class_of(subject: str) -> str:
    return f"{subject.capitalize()}Operations"


def _method(node: ast.FunctionDef, subject: str, words: _Words) -> str:
    kind, result = _returned(node)
    arguments = ast.unparse(node.args)
    passed = ", ".join(
        [*(each.arg for each in node.args.args), *(f"{each.arg}={each.arg}" for each in node.args.kwonlyargs)]
    )
    signature = f"self, {arguments}" if arguments else "self"
    docstring = ast.get_docstring(node, clean=False)
    body = f"{subject}.{node.name}({passed})"
    if kind == "Stream":
        define, returns, act = "def", f"{words.iterator}[{result}]", f"self._transport.stream({body})"
    else:
        define, returns, act = words.define, result, f"{words.wait}self._transport.run({body})"
    lines = [f"    {define} {node.name}({signature}) -> {returns}:", f'        """{_indented(docstring or "")}"""']
    return "\n".join([*lines, f"        return {act}", ""])


def _returned(node: ast.FunctionDef) -> tuple[str, str]:
    if not isinstance(node.returns, ast.Subscript) or ast.unparse(node.returns.value) not in _KINDS:
        raise TypeError(f"{node.name} must return one of {', '.join(_KINDS)}")
    return ast.unparse(node.returns.value), ast.unparse(node.returns.slice)


def _indented(docstring: str) -> str:
    """One step further in, the last line (of the closing quotes) too."""
    first, *others = docstring.split("\n")
    last = len(others) - 1
    return "\n".join([first, *(f"    {line}" if line.strip() or at == last else "" for at, line in enumerate(others))])


if __name__ == "__main__":
    main()
