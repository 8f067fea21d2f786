"""What an attempt sends of a client's history: its body, with the reasoning that its provider made and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.wire.kinds import DIALECTS
from tidegate.wire.reasoning.destination import destination
from tidegate.wire.reasoning.returning import returned

if TYPE_CHECKING:
    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg
    from tidegate.wire.json_object import JsonObject


def returned_body(call: Call, leg: Leg) -> JsonObject:
    """The client's body for ``leg``; the translation to another dialect leaves all reasoning behind by itself.

    Raises:
        MalformedBodyError: a message that has to be changed has a key twice.
    """
    account, kind = leg.account, call.kind
    if account.dialect != DIALECTS[kind]:
        return call.body
    is_home = account.mark == call.home
    return returned(kind, call.body, destination(kind, leg.insertion, account.mark, is_home=is_home))
