"""The few questions of ``init``, asked only on a terminal and only for what no flag answered."""

from __future__ import annotations

import sys
from typing import cast, get_args

import typer

from tidegate.cli.starter import DEFAULT_SERVICE, DEFAULT_SYSTEM, PRESETS, ProviderName, Wishes


def ask_open(wishes: Wishes) -> Wishes:
    """Fill in what is open, from the person where there is one."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return wishes
    if wishes.service is None:
        wishes = wishes._replace(service=_ask("Name of the first service", DEFAULT_SERVICE))
    if wishes.provider is None:
        wishes = wishes._replace(provider=_ask_provider())
    if wishes.model is None:
        wishes = wishes._replace(model=_ask(f"Model of {wishes.provider_name}", wishes.preset.model))
    if wishes.base_url is None and wishes.provider_name == "local":
        wishes = wishes._replace(base_url=_ask("Address of your model server", PRESETS["local"].base_url))
    if wishes.system is None:
        wishes = wishes._replace(system=_ask("System prompt", DEFAULT_SYSTEM))
    return wishes


def _ask_provider() -> ProviderName:
    names = get_args(ProviderName)
    while True:
        answer = _ask(f"Provider ({', '.join(names)})", names[0])
        if answer in names:
            return cast("ProviderName", answer)
        typer.echo(f"{answer!r} is none of them.", err=True)


def _ask(question: str, default: str) -> str:
    answer: str = typer.prompt(question, default=default, err=True)
    return answer.strip()
