"""What a command that speaks with control is given: a client, and the way to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.cli.output import Cell
    from tidegate.client import Client


class Asked:
    """How a command was asked to answer.

    Attributes:
        as_json: with one JSON document instead of text.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def close(self) -> None:
        """Give back what was opened."""

    def answer(self, value: Any, tell: Callable[[], Iterable[Cell]]) -> None:
        """Write ``value`` as JSON, or the lines that ``tell`` makes of it."""
        from tidegate.cli.output import print_json, print_lines  # noqa: PLC0415 - start-up stays quick

        if self.as_json:
            print_json(value)
        else:
            print_lines(tell())

    def announce(self, value: Any, lines: Iterable[Cell]) -> None:
        """The same for what goes on running: said at once, whoever reads it."""
        import sys  # noqa: PLC0415 - see above

        self.answer(value, lambda: lines)
        sys.stdout.flush()


class Session(Asked):
    """The same for commands that act through the API.

    Args:
        url: of control, if it was given.
        key: access key, if it was given.
    """

    def __init__(self, *, url: str | None, key: str | None, as_json: bool) -> None:
        super().__init__(as_json=as_json)
        self._url = url
        self._key = key

    @cached_property
    def client(self) -> Client:
        """Opened on first use."""
        from tidegate.cli.target import open_client  # noqa: PLC0415 - start-up stays quick

        return open_client(self._url, self._key)

    def close(self) -> None:
        """Close the client, if there is one."""
        if "client" in self.__dict__:
            self.client.close()
