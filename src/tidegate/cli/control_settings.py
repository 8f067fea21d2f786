"""What a supervisor hands its control child; apart from the child's own code, which takes a second to import and which
the supervisor never runs."""

from __future__ import annotations

import msgspec

from tidegate.config import Settings
from tidegate.delivery.quantities import decode_quantity, encode_quantity


class ControlProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the control child needs to know.

    Attributes:
        listen_fd: descriptor of an inherited listening socket; ``None`` binds ``settings.listen.control``.
        is_check: serve nothing; only find out whether these settings could be applied, and exit with 0 or 1.
    """

    settings: Settings
    listen_fd: int | None = None
    is_check: bool = False


def encode_control_settings(settings: ControlProcessSettings) -> bytes:
    """The settings for the child's standard input."""
    return msgspec.json.encode(settings, enc_hook=encode_quantity)


def decode_control_settings(data: bytes) -> ControlProcessSettings:
    """What :func:`encode_control_settings` wrote."""
    return msgspec.json.decode(data, type=ControlProcessSettings, dec_hook=decode_quantity)
