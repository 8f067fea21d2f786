"""What people declare of providers and services; the registry stores it, control routes by it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from tidegate.delivery.bundle import TimeoutsSpec
from tidegate.delivery.gate_spec import GateSpec
from tidegate.delivery.quantities import Dollars, Seconds, Share
from tidegate.delivery.snapshot import Price, Segment

PICO_PER_MILLION = 1_000_000  # one USD per million tokens is 10**6 pico-USD per token


class PriceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """USD per million tokens; ``cached`` defaults to ``input``."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None

    def price(self) -> Price:
        """In pico-USD per token, rounded half to even."""
        cached = self.input if self.cached is None else self.cached
        return Price(
            input=int((self.input * PICO_PER_MILLION).to_integral_value()),
            output=int((self.output * PICO_PER_MILLION).to_integral_value()),
            cached=int((cached * PICO_PER_MILLION).to_integral_value()),
        )


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A vendor account or own server.

    ``api_key`` is what the file says: ``${NAME}``, ``${file:PATH}`` or a literal. The registry only ever
    stores it as a reference (``env:``, ``file:``, ``memory:``). ``server_metrics`` is the address of the Prometheus
    page of a model server of one's own (vLLM, SGLang, llama.cpp, TGI), whose load control then tells. Providers of one
    ``maker`` take back each other's reasoning and signatures; without a name those with the same ``base_url`` do.
    """

    dialect: Literal["openai", "anthropic"]
    base_url: str
    api_key: str | None = None
    headers: dict[str, str] = {}
    prices: dict[str, PriceSpec] = {}
    ca_file: str | None = None
    max_in_flight: int = 0
    maker: str = ""
    server_metrics: str | None = None


class ObjectivesSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a service promises its users; alerts and reports compare with it, releases do not.

    Attributes:
        availability: share of requests that must be answered, such as ``99.5%``.
        ttft: time to the first token that 95 % of the streams must keep.
        cost_per_request: mean cost in USD that is expected at the most.
    """

    availability: Share | None = None
    ttft: Seconds | None = None
    cost_per_request: Dollars | None = None


class ContentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of prompts and answers. Nothing, unless a service says so.

    Attributes:
        keep: ``sampled`` as they are, or ``redacted``: with personal data replaced before they leave the gateway.
        sample: share of the requests that is kept.
        retain: how long.
    """

    keep: Literal["off", "sampled", "redacted"] = "off"
    sample: Share = Share(0.01)
    retain: Seconds = Seconds(30 * 86_400)


class ServiceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a service routes; what it serves is its stable version's matter.

    Attributes:
        fallbacks: ``provider/model`` in the order of rescue, after the version's own.
        timeouts: seconds; a version's own win.
        segments: named sets of units.
        overrides: generation parameters a client may override; ``None`` means all.
        unit: what is randomised when the request names several.
        derive_conversation: derive a conversation id from the text when the client names none.
        max_attempts: upstream attempts a request may cost, over all deployments.
        objectives: what it promises, for alerts and reports.
        content: what is kept of prompts and answers.
        suites: evaluations by name that people run against a version; each is declared as a gate is.
    """

    fallbacks: tuple[str, ...] = ()
    timeouts: TimeoutsSpec = TimeoutsSpec()
    segments: dict[str, Segment] = {}
    overrides: tuple[str, ...] | None = None
    unit: Literal["request", "conversation", "user"] = "conversation"
    derive_conversation: bool = False
    max_attempts: int = 3
    objectives: ObjectivesSpec = ObjectivesSpec()
    content: ContentSpec = ContentSpec()
    suites: dict[str, GateSpec] = {}
