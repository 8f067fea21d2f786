"""``{service}``, ``{version}``, ``{variant}`` and ``{window}`` in queries and addresses, filled in so that a value
never becomes syntax."""

from __future__ import annotations

import re
from collections.abc import Callable

from tidegate.errors import InvalidInputError
from tidegate.metrics.source import Subject

NAMES = ("service", "version", "variant", "window")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")  # label matchers hold an operator, so they are none


def check_placeholders(text: str) -> None:
    """Refuse a misspelt one.

    Raises:
        InvalidInputError: a name in braces that is not filled in.
    """
    for name in _PLACEHOLDER.findall(text):
        if name not in NAMES:
            raise InvalidInputError(
                f"{{{name}}} is no placeholder", remedy=f"known are {', '.join(f'{{{known}}}' for known in NAMES)}"
            )


def tells_variants(text: str) -> bool:
    """Whether the text differs between variants."""
    return "{variant}" in text or "{version}" in text


def fill(text: str, subject: Subject, quote: Callable[[str], str]) -> str:
    """The text with its placeholders filled in.

    Args:
        quote: makes a value harmless where it stands; ``window`` is digits and ``s``, and is not quoted.
    """
    values = {
        "service": quote(subject.service),
        "version": quote(subject.version),
        "variant": quote(subject.variant),
        "window": f"{subject.window_seconds}s",
    }
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
