"""Runs a program that an operator declared: no shell, a small environment, a time limit, and nobody left behind."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from tidegate.errors import InvalidInputError

_KEPT_BYTES = 1 << 16  # of what it writes: the end, where scores and errors stand
_READ_BYTES = 1 << 14
_GRACE_SECONDS = 2.0  # between asking its process group to end and ending it


class ProgramSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What programs may be run, and with what.

    Attributes:
        is_enabled: whether release files may name programs at all.
        environment: all that they see of ours.
        folder: where they start.
    """

    is_enabled: bool = False
    environment: dict[str, str] = {}
    folder: str = "."


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended.

    Attributes:
        code: its exit code; negative is the signal that ended it, ``None`` that it was cut short by the time limit.
        output: the end of its standard output; ``complaints`` of its standard error.
    """

    code: int | None
    output: str
    complaints: str


async def run_program(
    command: str,
    fields: Mapping[str, str],
    settings: ProgramSettings,
    *,
    timeout_seconds: float,
    variables: Mapping[str, str],
    given: bytes = b"",
) -> Finished:
    """Run ``command`` to its end; its whole process group is ended with it, with us, or when time is up.

    Args:
        command: words as in a shell; ``{name}`` is filled in within its word, so a value never becomes two words.
        fields: for the names.
        variables: for its environment, beside those of the settings.
        given: its standard input.

    Raises:
        InvalidInputError: it cannot be taken apart, or programs are not enabled here.
        OSError: it cannot be started.
    """
    if not settings.is_enabled:
        raise programs_disabled()
    words = [word.format_map(fields) for word in split_command(command)]
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(settings.folder),
        env={**settings.environment, **variables},
        start_new_session=True,
    )
    output, complaints = bytearray(), bytearray()
    try:
        async with asyncio.timeout(timeout_seconds):
            await asyncio.gather(
                _write(process, given), _keep_end(process.stdout, output), _keep_end(process.stderr, complaints)
            )
            code: int | None = await process.wait()
    except TimeoutError:
        code = None
    finally:
        await _end_group(process)
    return Finished(code=code, output=_text(output), complaints=_text(complaints))


def split_command(command: str) -> list[str]:
    """The words of a command.

    Raises:
        InvalidInputError: a quote is not closed, or there is no word.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInputError(f"{command!r} cannot be taken apart: {error}", where="command") from None
    if not words:
        raise InvalidInputError("the command is empty", where="command")
    return words


def programs_disabled() -> InvalidInputError:
    """What is said to whoever names a program where none may be named."""
    return InvalidInputError(
        "this installation runs no programs that release files name",
        code="commands_disabled",
        where="command",
        remedy="set programs: {enabled: true} in its configuration, or use an http gate",
    )


async def _write(process: asyncio.subprocess.Process, given: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(ConnectionError, RuntimeError):  # it need not read what it is given (uvloop raises the latter)
        process.stdin.write(given)
        await process.stdin.drain()
        process.stdin.close()


async def _keep_end(stream: asyncio.StreamReader | None, kept: bytearray) -> None:
    while stream is not None and (data := await stream.read(_READ_BYTES)):
        kept += data
        del kept[:-_KEPT_BYTES]


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """Also what it started and left running."""
    for name, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, name)
        if process.returncode is not None and name is signal.SIGKILL:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()


def _text(data: bytearray) -> str:
    return data.decode(errors="replace")
