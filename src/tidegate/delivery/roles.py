"""Roles of keys: five that give rights, and names of approvals that approvers may give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from tidegate.documents import nearest
from tidegate.errors import InvalidInputError

ROLES = ("invoke", "viewer", "operator", "approver", "admin")
_APPROVAL = re.compile(r"[a-z][a-z0-9-]{1,63}")


def check_roles(roles: Sequence[str], where: str) -> None:
    """Whether a key may have these.

    A key with the role ``approver`` may bear further roles of any name, such as ``release-manager``: approve steps ask
    for them. What looks like a misspelt role is refused.

    Raises:
        InvalidInputError: none, or an unknown one.
    """
    if not roles:
        raise InvalidInputError(
            "a key without a role may do nothing", where=where, remedy=f"known are {', '.join(ROLES)}"
        )
    for role in roles:
        if role in ROLES:
            continue
        is_misspelt = bool(get_close_matches(role, ROLES, n=1, cutoff=0.8))
        if "approver" not in roles or is_misspelt or not _APPROVAL.fullmatch(role):
            remedy = f"{nearest(role, list(ROLES))}; a key with the role approver may bear names of approvals too"
            raise InvalidInputError(f"unknown role {role!r}", where=where, remedy=remedy)
