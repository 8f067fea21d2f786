"""Who wants to hear of which events: what a release file or the configuration declares of notifications."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from tidegate.documents import nearest
from tidegate.errors import InvalidInputError

EVENTS = (
    "started",
    "progressed",
    "awaiting_approval",
    "paused",
    "resumed",
    "gate_not_passed",
    "promoted",
    "finished",
    "arm_removed",
    "concluded",
    "succeeded",
    "rolling_back",
    "rolled_back",
    "rejected",
    "superseded",
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
KINDS = ("sink", "webhook", "slack", "pagerduty", "command")


class NotifySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where events are told, by exactly one means.

    Attributes:
        sink: the name of one that the configuration declares, which may hold secrets.
        webhook: an address that gets each event as JSON.
        slack: an incoming webhook of Slack, or of what understands the same.
        pagerduty: a routing key of PagerDuty's Events API.
        command: a program that gets each event as JSON on its standard input.
        events: names of :data:`EVENTS`; without any, all of them but ``progressed``.
    """

    sink: str | None = None
    webhook: str | None = None
    slack: str | None = None
    pagerduty: str | None = None
    command: str | None = None
    events: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The means."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def target(self) -> str:
        """The address, key, name or program."""
        return str(getattr(self, self.kind))

    def wants(self, event: str) -> bool:
        """Whether it is to hear of ``event``."""
        return event in self.events if self.events else event != "progressed"


class SinkSettings(NotifySpec, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sink of the configuration; a release file may name it.

    Attributes:
        name: unique; letters, digits, ``-`` and ``_``.
        secret: signs what a webhook is sent.
        url: of PagerDuty's Events API, where it is another region's.
        services: whose events it hears; empty means every service's.
    """

    name: str
    secret: str | None = None
    url: str | None = None
    services: tuple[str, ...] = ()


def check_sink(sink: SinkSettings, known: Collection[str]) -> None:
    """The same of a sink of the configuration, beside those ``known``.

    Raises:
        InvalidInputError: it cannot be one.
    """
    if not _NAME.fullmatch(sink.name) or sink.name == "log" or sink.name in known:
        raise InvalidInputError(
            f"{sink.name!r} cannot name a sink", where="name", remedy="use letters, digits, - and _, each name once"
        )
    if sink.sink is not None:
        raise InvalidInputError(
            "a sink cannot be another one", where="sink", remedy="give webhook, slack, pagerduty or command"
        )
    check_notify(sink)


def check_notify(spec: NotifySpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: none or several means, an unknown event, or no address; ``where`` is the key.
    """
    given = [kind for kind in KINDS if getattr(spec, kind, None) is not None]
    if len(given) != 1:
        raise InvalidInputError(
            "a notification goes by exactly one means", where="", remedy=f"give one of {', '.join(KINDS)}"
        )
    for event in spec.events:
        if event not in EVENTS:
            raise InvalidInputError(f"unknown event {event!r}", where="events", remedy=nearest(event, list(EVENTS)))
    if spec.kind in {"webhook", "slack"} and not spec.target.startswith(("https://", "http://")):
        raise InvalidInputError(f"{spec.target!r} is no address", where=spec.kind, remedy="write https://…")
    if not spec.target.strip():
        raise InvalidInputError(f"{spec.kind} is empty", where=spec.kind)
