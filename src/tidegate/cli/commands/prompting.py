"""``prompt``: named prompts with versions and labels, which bundles use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import VERSIONS
from tidegate.cli.group import subcommands
from tidegate.cli.session import Session

PromptArgument = Annotated[str, typer.Argument(metavar="PROMPT", help="NAME (the newest), NAME/v3 or NAME@label.")]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Of the prompt; else of the file, without its suffix.")
]
LabelsOption = Annotated[
    list[str] | None, typer.Option("--label", metavar="LABEL", help="Point this label at it; repeatable.")
]
NoteOption = Annotated[str, typer.Option("--note", help="Kept with the version.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = subcommands(app, "prompt", "Named prompts: versions, labels.", default="list", panel=VERSIONS)
    api_command(group, "push", example="tidegate prompt push greeting.txt --label staging", panel=VERSIONS)(push)
    api_command(group, "list", example="tidegate prompt list greeting", panel=VERSIONS)(prompts)
    api_command(group, "get", example="tidegate prompt get greeting@production", panel=VERSIONS)(prompt)
    api_command(group, "diff", example="tidegate prompt diff greeting@production greeting", panel=VERSIONS)(diff)
    api_command(group, "label", example="tidegate prompt label greeting/v3 production", panel=VERSIONS)(label)


def push(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The text, or .yaml and .json with system, few_shot, variables.")
    ],
    name: NameOption = None,
    labels: LabelsOption = None,
    note: NoteOption = "",
) -> None:
    """Register the next version of a prompt; the same content again changes nothing."""
    from tidegate.cli.prompt_files import read_prompt_file
    from tidegate.cli.views.prompts import pushed_lines

    content = read_prompt_file(file)
    found = session.client.push_prompt(name or file.stem, content, note=note, labels=tuple(labels or ()))
    session.answer(found, lambda: pushed_lines(found))


def prompts(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Every version of this one.")] = None,
) -> None:
    """List prompts with their labels, or every version of one."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.prompts import prompts_table

    client = session.client
    found = collect(
        lambda limit, cursor: client.prompts(name=name, limit=limit, cursor=cursor), lambda page: page.items
    )
    session.answer({"prompts": found}, lambda: prompts_table(found, now()))


def prompt(session: Session, prompt: PromptArgument) -> None:
    """Show a prompt's text and examples."""
    from tidegate.cli.views.prompts import prompt_lines

    found = session.client.prompt(prompt)
    session.answer(found, lambda: prompt_lines(found))


def diff(
    session: Session,
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier version.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The later one.")],
) -> None:
    """Show what changes from one version of a prompt to another."""
    from rich.text import Text

    found = session.client.diff_prompts(before, after)
    session.answer(found, lambda: [Text(line) for line in found.lines] or [Text("They are the same.")])


def label(
    session: Session,
    prompt: PromptArgument,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="production, staging, …")],
) -> None:
    """Point a label at a version; what had it before loses it."""
    from rich.text import Text

    found = session.client.label_prompt(prompt, label)
    session.answer(found, lambda: [Text(f"{label} is {found.ref} now.")])
