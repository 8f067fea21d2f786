"""Writes ``docs/reference/cli.md`` from the commands themselves: ``python -m tidegate.cli.reference FILE``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from tidegate.cli.app import make_app
from tidegate.cli.main import EXIT_CODES

_INTRODUCTION = """\
# Command line

Written by `python -m tidegate.cli.reference docs/reference/cli.md` from the commands themselves.

A command finds control by `--url`, else `TIDEGATE_URL`, else `tidegate.yaml` in the current folder, else
`http://127.0.0.1:7401`; it shows its key by `--key`, else `TIDEGATE_KEY`. It acts only through the API. With `--json`
it answers with exactly one JSON document on standard output (a watch with one on each line). Errors are one sentence on
standard error: what is wrong, where, how to mend it. `tidegate --install-completion` teaches the shell.
"""


def render() -> str:
    """The whole page."""
    root: Any = typer.main.get_command(make_app())
    lines = [_INTRODUCTION, "## Exit codes", "", "| code | means |", "|---:|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    lines += ["", "## Options of `tidegate` itself", "", *_options(root), ""]
    panel = ""
    for path, command in walk(root):
        if command.rich_help_panel != panel and len(path) == 1:
            panel = command.rich_help_panel
            lines += [f"## {panel}", ""]
        lines += _section(path, command)
    return "\n".join(lines).rstrip("\n") + "\n"


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below a group with the words that call it, grouped by their headings."""
    panels = list(dict.fromkeys(each.rich_help_panel for each in group.commands.values()))
    for name, command in sorted(group.commands.items(), key=lambda pair: panels.index(pair[1].rich_help_panel)):
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from walk(command, (*path, name))


def _section(path: tuple[str, ...], command: Any) -> list[str]:
    title = " ".join(("tidegate", *path))
    arguments = "".join(
        f" {each.metavar or each.name}" for each in command.params if each.param_type_name == "argument"
    )
    lines = [f"### `{title}{arguments}`", "", " ".join((command.help or "").split()), ""]
    lines += [f"    {str(command.epilog).removeprefix('Example: ')}", ""] if command.epilog else []
    if hasattr(command, "commands"):
        subcommands = ", ".join(f"`{title} {name}`" for name in command.commands)
        return [*lines, f"{subcommands}; without a subcommand it lists.", ""]
    return [*lines, *_options(command), ""]


def _options(command: Any) -> list[str]:
    lines = ["| argument or option | means |", "|---|---|"]
    for each in command.params:
        if each.param_type_name == "argument":
            lines.append(f"| `{each.metavar or each.name}` | {_means(each)} |")
        else:
            names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
            lines.append(f"| {names} | {_means(each)} |")
    return lines


def _means(parameter: Any) -> str:
    text = " ".join((parameter.help or "").split()).replace("|", "\\|")
    default = parameter.default
    is_told = default not in (None, False, "", ()) and not callable(default)
    return f"{text} Default: `{default}`." if is_told else text


def main() -> None:
    """Write the page to the file named, else to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, help="where to write it; else to standard output")
    page = parser.parse_args().page
    if page is None:
        sys.stdout.write(render())
    else:
        page.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
