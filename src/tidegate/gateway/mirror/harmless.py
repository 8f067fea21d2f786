"""Which requests may be answered twice: those whose second answer changes nothing anywhere.

Tools that the client runs are harmless, since nobody gets the copy's calls. What a *provider* runs (a search, code, a
remote server) or keeps (a conversation) would happen twice, so such a request is not copied. The lists name what is
known to be harmless; anything else is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tidegate.wire.kinds import Kind

if TYPE_CHECKING:
    from tidegate.gateway.call import Call

PROVIDER_STATE = "provider_state"
PROVIDER_TOOLS = "provider_tools"

_KINDS = frozenset({Kind.CHAT, Kind.COMPLETIONS, Kind.RESPONSES, Kind.MESSAGES, Kind.EMBEDDINGS})
_STATE = {Kind.RESPONSES: ("previous_response_id", "conversation", "background"), Kind.MESSAGES: ("container",)}
_PROVIDERS_OWN = {Kind.CHAT: ("web_search_options",), Kind.MESSAGES: ("mcp_servers",)}
_CLIENT_TOOLS = {
    Kind.CHAT: ("function", "custom"),
    Kind.RESPONSES: ("function", "custom", "computer_use_preview", "local_shell"),
    Kind.MESSAGES: ("custom", "bash_", "computer_", "memory_", "text_editor_"),
}
_NULL = b"null"


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None


_TOOLS = msgspec.json.Decoder(list[_Tool] | None)


def harm_of(call: Call) -> str:
    """Why a copy of the request could do something twice; ``""`` when it cannot."""
    kind, fields = call.kind, call.body.fields
    if kind not in _KINDS:
        return PROVIDER_STATE
    if any(bytes(fields.get(name, _NULL)) not in {_NULL, b"false"} for name in _STATE.get(kind, ())):
        return PROVIDER_STATE
    if any(bytes(fields.get(name, _NULL)) not in {_NULL, b"[]"} for name in _PROVIDERS_OWN.get(kind, ())):
        return PROVIDER_TOOLS
    tools = fields.get("tools")
    return "" if tools is None or _are_clients(kind, tools) else PROVIDER_TOOLS


def _are_clients(kind: Kind, raw: msgspec.Raw) -> bool:
    try:
        tools = _TOOLS.decode(raw) or []
    except msgspec.DecodeError:
        return False
    known = _CLIENT_TOOLS.get(kind, ())
    return all(tool.type is None or tool.type.startswith(known) for tool in tools)
