"""How commands fail: one sentence on standard error, and the exit code that programs act on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

DONE, FAILED, WRONG_USE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


def guarded(work: Callable[[], int | None]) -> int:
    """Run ``work`` and turn whatever it raises into an exit code.

    An interruption is quiet (130), and so is a reader of our output that went away (141, as a shell shows it).
    """
    try:
        code = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return BROKEN_PIPE
    except Exception as error:
        return _told(error)
    return DONE if code is None else code


def complain(sentence: str) -> None:
    """Write ``error: SENTENCE`` to standard error, red on a terminal."""
    from rich.text import Text  # noqa: PLC0415 - only in a failure

    from tidegate.cli.output import make_console  # noqa: PLC0415 - only in a failure

    make_console(is_error=True).print(Text.assemble(("error:", "bold red"), " ", sentence))


def exit_code_of(error: Exception) -> int:
    """1 for what failed, 2 for what was asked wrongly."""
    from tidegate.errors import InvalidInputError  # noqa: PLC0415 - only in a failure

    return WRONG_USE if isinstance(error, InvalidInputError) or getattr(error, "exit_code", 1) == 2 else FAILED


def _told(error: Exception) -> int:
    from tidegate.errors import TidegateError  # noqa: PLC0415 - only in a failure

    if isinstance(error, TidegateError):
        complain(str(error))
    elif hasattr(error, "format_message"):  # of the option parser
        if error.format_message():  # else it has shown the help
            complain(_usage_sentence(error))
    elif type(error).__name__ == "Abort":  # a question that was not answered
        return INTERRUPTED
    elif isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        complain(f"{name}{(error.strerror or str(error)).lower()}")
    else:
        _complain_of_ourselves(error)
    return exit_code_of(error)


def _usage_sentence(error: Exception) -> str:
    message = " ".join(str(error.format_message()).split())  # type: ignore[attr-defined]  # seen by the caller
    message = message.replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    hint = f" (see `{context.command_path} --help`)" if context is not None else ""
    return f"{message[:1].lower()}{message[1:].rstrip('.')}{hint}"


def _complain_of_ourselves(error: Exception) -> None:
    import traceback  # noqa: PLC0415 - only in a failure

    place = traceback.extract_tb(error.__traceback__)[-1]
    complain(
        f"this is a bug in Tidegate: {type(error).__name__}: {error} "
        f"(report it with the place, {place.name} in {os.path.basename(place.filename)}:{place.lineno})"  # noqa: PTH119
    )


def discard_output() -> None:
    """Let the interpreter's last flush go nowhere instead of failing loudly."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
