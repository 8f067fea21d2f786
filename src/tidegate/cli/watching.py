"""``status --watch``: a live view on a terminal, one line for each change elsewhere, one JSON document with ``--json``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tidegate.cli.clock import now
from tidegate.cli.commands.paging import collect
from tidegate.cli.output import make_console, print_json
from tidegate.cli.session import Session
from tidegate.cli.views.releases import services_table, status_lines, step_line
from tidegate.client import Client
from tidegate.errors import UpstreamError
from tidegate.shapes.releases import Status

_INTERVAL_SECONDS = 1.0


def read_statuses(client: Client, service: str | None) -> list[Status]:
    """One service's status, or everybody's."""
    if service is not None:
        return [client.status(service)]
    return collect(lambda limit, cursor: client.services(limit=limit, cursor=cursor), lambda page: page.items)


def watch_statuses(session: Session, service: str | None) -> NoReturn:
    """Show until interrupted; a control that is away for a while is waited for."""
    console = make_console()
    statuses = read_statuses(session.client, service)  # a wrong name or address is told at once
    if console.is_terminal and not session.as_json:
        _live(make_console(is_folding=True), session, service, statuses)
    _plain(console, session, service, statuses)


def _live(console: Console, session: Session, service: str | None, statuses: list[Status]) -> NoReturn:
    with Live(_page(statuses, service), console=console, refresh_per_second=4, vertical_overflow="visible") as live:
        while True:
            time.sleep(_INTERVAL_SECONDS)
            trouble = ""
            try:
                statuses = read_statuses(session.client, service)
            except UpstreamError as error:
                trouble = str(error)
            live.update(_page(statuses, service, trouble))


def _plain(console: Console, session: Session, service: str | None, statuses: list[Status]) -> NoReturn:
    said: dict[str, bytes] = {}
    while True:
        for status in statuses:
            mark = msgspec.json.encode(status if session.as_json else _line(status))
            if said.get(status.service) != mark:
                said[status.service] = mark
                _say(console, status, as_json=session.as_json)
        time.sleep(_INTERVAL_SECONDS)
        try:
            statuses = read_statuses(session.client, service)
        except UpstreamError as error:
            make_console(is_error=True).print(f"{now():%H:%M:%SZ}  {error}")


def _say(console: Console, status: Status, *, as_json: bool) -> None:
    if as_json:
        print_json(status, is_line=True)
    else:
        console.print(f"{now():%H:%M:%SZ}  {_line(status)}")
        console.file.flush()


def _line(status: Status) -> str:
    frozen = "  frozen" if status.freeze else ""
    release = step_line(status.release) if status.release else "no release yet"
    return f"{status.service}  stable {status.stable or 'none'}{frozen}  {release}"


def _page(statuses: Sequence[Status], service: str | None, trouble: str = "") -> Group:
    at = now()
    lines = status_lines(statuses[0], at) if service is not None and statuses else services_table(statuses, at)
    foot = (
        Text(trouble, style="red")
        if trouble
        else Text(f"{at:%H:%M:%SZ}  Ctrl-C ends the watching, not the release.", style="dim")
    )
    return Group(*lines, Text(), foot)
