"""SIGHUP: read the configuration again and bring everything to it while it serves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping

import structlog

from tidegate.cli.up import Installation
from tidegate.config import Settings
from tidegate.errors import TidegateError

Reread = Callable[[], tuple[Settings, Mapping[str, str]]]

log = structlog.get_logger("tidegate.supervisor")


class Hangups:
    """Hears SIGHUP: somebody asks for a reload, or the terminal we were started from is gone.

    Attributes:
        asked: set when a reload is wanted.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        is_detached = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup: stay when the terminal goes
        self._had_terminal = not is_detached and _has_terminal()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hear)

    def _hear(self) -> None:
        if self._had_terminal and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self.asked.set()

    async def reload(self, running: Installation, reread: Reread) -> None:
        """For ever: reload when asked; what is refused is told in the log and changes nothing."""
        while True:
            await self.asked.wait()
            self.asked.clear()
            log.info("reload.begun")
            try:
                settings, environ = reread()
                await running.reload(settings, environ)
            except TidegateError as error:
                log.error("reload.refused", error=error.message, where=error.where, remedy=error.remedy)
            except Exception:  # our own bug must not end what serves
                log.exception("reload.failed")
            else:
                log.info("reload.done", workers=len(running.gateways))


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
