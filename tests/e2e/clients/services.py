"""The services that the clients use: one behaviour of a simulated model each, behind both dialects.

A service is called ``BEHAVIOUR-on-DIALECT``; its model has the behaviour's name.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal

from tidegate.delivery.snapshot import AccessKey, Provider, ServiceRoute, Snapshot, Target, Timeouts, VariantRoute
from tidegate.wire.insertion import Insertion, Message

Upstream = Literal["openai", "anthropic"]
UPSTREAMS: tuple[Upstream, ...] = ("openai", "anthropic")

KEY = "tg-key-of-the-shop"
NARROW_KEY = "tg-key-for-one-service"
PROVIDER_KEY_VARIABLE = "CLIENT_TEST_PROVIDER_KEY"
PROVIDER_KEY = "provider-key-that-stays-inside"

ANSWER = "Good day to you, dear friend. Grüße aus Zürich 🌊 and a long way home."
SYSTEM = "You are the tide bot. Answer briefly."
FEW_SHOT = (Message(role="user", content="Are you there?"), Message(role="assistant", content="Always."))
PARIS, ROME = {"city": "Paris"}, {"city": "Rome"}

_CALLS = [
    {"name": "get_weather", "arguments": PARIS},
    {"name": "get_weather", "arguments": ROME},
    {"name": "get_time", "arguments": {"zone": "CET"}},
]
_LONG = {"tokens": 20_000, "token_seconds": 0.01}


def fault(kind: str, **settings: Any) -> dict[str, Any]:
    """A model that answers, were it not for this fault."""
    return {"answer": ANSWER, "faults": [{"kind": kind, **settings}]}


BEHAVIOURS: dict[str, dict[str, Any]] = {
    "plain": {"answer": ANSWER},
    "prompted": {"answer": ANSWER},
    "reasoning": {"answer": ANSWER, "reasoning": "First one thing, then another."},
    "structured": {"answer": "Ada"},
    "one-tool": {"answer": "It is sunny.", "tool_calls": _CALLS[:1]},
    "many-tools": {
        "answer": "It is sunny in both.",
        "tool_calls": _CALLS,
        "stream": {"has_interleaved_tool_calls": True},
    },
    "in-pieces": {"answer": ANSWER, "stream": {"split_bytes": 7, "line_end": "\r\n", "has_comments": True}},
    "long": {"answer": ANSWER, **_LONG},
    "steady": {"answer": ANSWER, "tokens": 40, "token_seconds": 0.005},
    "cut-short": fault("truncate", by="length", after_tokens=3),
    "refusing": fault("refusal", text="I would rather not."),
    "filtered-prompt": fault("content_filter", on="prompt"),
    "filtered-answer": fault("content_filter", on="answer"),
    "too-long": fault("context_length"),
    "bad-request": fault("error", status=400, message="temperature: out of range"),
    "broken": fault("error", status=500),
    "overloaded": fault("error", status=529),
    "unpaid": fault("error", status=429, code="insufficient_quota"),
    "refused-credential": fault("error", status=401),
    "missing-model": fault("error", status=404, code="model_not_found"),
    "limited": fault("error", status=429, retry_after_seconds=7),
    "limited-once": fault("error", status=429, first=1, retry_after_seconds=1),
    "broken-once": fault("error", status=500, first=1),
    "rescued": fault("error", status=500),
    "silent": fault("hang", before="headers"),
    "stalling": fault("hang", before="token", after_tokens=3),
    "error-midway": fault("stream_error", after_tokens=3),
    "cut-midway": fault("truncate", by="chunk", after_tokens=3),
    "reset-midway": fault("reset", before="token", after_tokens=3),
}

_INSERTIONS: dict[str, dict[str, Any]] = {
    "prompted": {"system": SYSTEM, "few_shot": FEW_SHOT, "generation": {"temperature": 0.25}},
}


def service_name(behaviour: str, upstream: Upstream) -> str:
    """What a client sends in ``model``."""
    return f"{behaviour}-on-{upstream}"


def version_of(service: str) -> str:
    """The only version of a service."""
    return f"{service}/v1.0.0-{sha256(service.encode()).hexdigest()[:8]}"


def snapshot(simulator_url: str) -> Snapshot:
    """Every behaviour as a service behind either dialect."""
    routes = [_route(behaviour, upstream) for behaviour in BEHAVIOURS for upstream in UPSTREAMS]
    narrow = (service_name("plain", "openai"), service_name("plain", "anthropic"))
    return Snapshot(
        revision=1,
        epoch=1,
        mac_key="ab" * 16,
        keys=(_key("shop", KEY), _key("narrow", NARROW_KEY, narrow)),
        providers={upstream: _provider(upstream, simulator_url) for upstream in UPSTREAMS},
        services={route.name: route for route in routes},
    )


def _key(name: str, secret: str, services: tuple[str, ...] = ()) -> AccessKey:
    return AccessKey(name=name, sha256=sha256(secret.encode()).hexdigest(), services=services)


def _provider(upstream: Upstream, url: str) -> Provider:
    return Provider(
        name=upstream,
        dialect=upstream,
        base_url=f"{url}/v1" if upstream == "openai" else url,
        credential=f"env:{PROVIDER_KEY_VARIABLE}",
    )


def _route(behaviour: str, upstream: Upstream) -> ServiceRoute:
    name = service_name(behaviour, upstream)
    is_rescued = behaviour == "rescued"
    stable = VariantRoute(
        name="stable",
        version=version_of(name),
        weight=10_000,
        provider=upstream,
        insertion=Insertion(model=behaviour, **_INSERTIONS.get(behaviour, {})),
        fallbacks=(Target(provider=upstream, model="plain"),) if is_rescued else (),
        timeouts=Timeouts(connect=2, first_token=10, idle=10, total=30),
        max_attempts=3 if is_rescued else 1,
    )
    return ServiceRoute(name=name, stable="stable", variants=(stable,), salt="clients", unit="request")
