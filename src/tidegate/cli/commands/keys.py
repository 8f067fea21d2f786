"""``keys``: who may do what."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.panels import OPERATE
from tidegate.cli.group import subcommands
from tidegate.cli.session import Session

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the audit log calls whoever has the key.")]
RolesOption = Annotated[
    list[str], typer.Option("--role", metavar="ROLE", help="invoke, viewer, operator, approver or admin; repeatable.")
]
ServicesOption = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="SERVICE", help="Only for this service; repeatable; every service without it."),
]
RequestsOption = Annotated[int | None, typer.Option(min=1, help="Requests that it may send in a minute.")]
TokensOption = Annotated[int | None, typer.Option(min=1, help="Tokens that it may read and write in a minute.")]
ConcurrentOption = Annotated[int | None, typer.Option(min=1, help="Requests that may be under way.")]
BudgetOption = Annotated[
    list[str] | None, typer.Option("--budget", metavar="MONEY", help="'50 USD/month' or '5 USD/day'; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = subcommands(app, "keys", "Access keys: list, create, revoke.", default="list", panel=OPERATE)
    api_command(group, "list", example="tidegate keys list", panel=OPERATE)(keys)
    api_command(group, "create", example="tidegate keys create ci --role operator", panel=OPERATE)(create)
    api_command(group, "revoke", example="tidegate keys revoke ci", panel=OPERATE)(revoke)


def keys(session: Session) -> None:
    """List access keys, their roles, limits and what they use, never their secrets."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.records import keys_table

    found = session.client.keys().items
    session.answer({"keys": found}, lambda: keys_table(found, now()))


def create(
    session: Session,
    name: NameArgument,
    role: RolesOption,
    service: ServicesOption = None,
    requests_per_minute: RequestsOption = None,
    tokens_per_minute: TokensOption = None,
    concurrent: ConcurrentOption = None,
    budget: BudgetOption = None,
) -> None:
    """Make a key and show it, this once; the first one ends open access and needs the role admin."""
    from tidegate.cli.views.records import new_key_lines
    from tidegate.shapes.keys import KeyLimits

    limits = KeyLimits(
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        concurrent=concurrent,
        budget=tuple(budget or ()),
    )
    given = None if limits == KeyLimits() else limits
    made = session.client.create_key(name, roles=role, services=service or (), limits=given)
    session.answer(made, lambda: new_key_lines(made))


def revoke(session: Session, name: NameArgument) -> None:
    """Revoke a key at once, at control and at every gateway."""
    from tidegate.cli.views.records import revoked_lines

    remaining = session.client.revoke_key(name)
    session.answer({"keys": remaining.items, "warnings": remaining.warnings}, lambda: revoked_lines(name, remaining))
