"""Writes ``Client`` and ``AsyncClient`` from :mod:`tidegate.client.calls`: one method for each public function.

Run ``python -m tidegate.client.surface`` after a change there; a test compares what is checked in.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Literal, NamedTuple

Mode = Literal["sync", "async"]
_FOLDER = Path(__file__).parent
FILES: dict[Mode, Path] = {"sync": _FOLDER / "blocking.py", "async": _FOLDER / "asynchronous.py"}
_KINDS = ("Call", "Flow", "Stream")


class _Words(NamedTuple):
    """What differs between the two clients."""

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
        "Client", "SyncTransport", "Blocking client of the admin API", "def", "", "Iterator", "__enter__", "__exit__"
    ),
    "async": _Words(
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


def source_of(mode: Mode) -> str:
    """The text of one client's module, before formatting."""
    words = _WORDS[mode]
    tree = ast.parse((_FOLDER / "calls.py").read_text(encoding="utf-8"))
    methods = [_method(node, words) for node in tree.body if isinstance(node, ast.FunctionDef) and _is_public(node)]
    return "\n".join([_head(tree, words), *methods])


def main() -> None:
    """Write both modules."""
    for mode, path in FILES.items():
        path.write_text(source_of(mode), encoding="utf-8")


def _is_public(node: ast.FunctionDef) -> bool:
    return not node.name.startswith("_")


def _head(tree: ast.Module, words: _Words) -> str:
    return f'''"""{words.sentence}; written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls`."""

from __future__ import annotations

from collections.abc import {words.iterator}, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import httpx2

{_shape_imports(tree)}
from tidegate.client import calls
from tidegate.client.calls import Bump
from tidegate.client.exchange import DEFAULT_URL, Server
from tidegate.client.transport import {words.transport}
from tidegate.client.waiting import Waited
from tidegate.registry.bundle_tree import BundleContent


class {words.name}:
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


def _shape_imports(tree: ast.Module) -> str:
    found = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tidegate.api.shapes")
    ]
    return "\n".join(found)


def _method(node: ast.FunctionDef, words: _Words) -> str:
    kind, result = _returned(node)
    arguments = ast.unparse(node.args)
    passed = ", ".join(
        [*(each.arg for each in node.args.args), *(f"{each.arg}={each.arg}" for each in node.args.kwonlyargs)]
    )
    signature = f"self, {arguments}" if arguments else "self"
    docstring = ast.get_docstring(node, clean=False)
    body = f"calls.{node.name}({passed})"
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
