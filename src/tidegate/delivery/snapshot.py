"""The routing table that control publishes and every gateway serves from.

A snapshot is immutable and whole: a gateway swaps one for the next and never edits it. It is also what
lies on a gateway's disk, so it carries references to secrets (``env:NAME``, ``file:PATH``,
``memory:NAME``), never a secret; literals travel beside it (:class:`LinkMessage`) and stay in memory.

The link between the two halves (JSON lines and msgpack over HTTP, control's side under ``/link/v1``):

    GET  /link/v1/snapshots?gateway=ID&boot=BOOT   a stream of LinkMessage, one JSON document a line:
                                                   a snapshot at once and after each change, a lease
                                                   renewal every second
    POST /link/v1/heartbeats                       Heartbeat as JSON: every second, and at once after a
                                                   snapshot was put in force (the acknowledgement);
                                                   answered by 204, or HeartbeatAnswer as JSON
    POST /link/v1/observations                     ObservationBatch as msgpack (delivery.observation)
    POST /link/v1/records                          RecordBatch as msgpack (delivery.records)

All of them take ``authorization: Bearer <join token>`` when control has one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyGrant, KeyUse
from tidegate.delivery.mirroring import Mirroring
from tidegate.wire.insertion import Insertion

FORMAT = 1
TOTAL_WEIGHT = 10_000
STABLE = "stable"  # names of variants
CANDIDATE = "candidate"


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Pico-USD per token, integers, so that costs add up exactly (0.10 USD per million = 100_000)."""

    input: int
    output: int
    cached: int


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """The four timers, in seconds. ``first_token`` counts from the sent request to the first content
    event of a stream; keepalives do not satisfy it. ``total`` is the request's, and an answer in one piece has an
    equal share of it while fallbacks could still be asked."""

    connect: float = 2.0
    first_token: float = 10.0
    idle: float = 30.0
    total: float = 300.0


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor account or own server.

    Attributes:
        base_url: as the vendor documents it (``https://api.openai.com/v1``, ``https://api.anthropic.com``).
        credential: reference to the key, or ``None`` for servers that need none.
        headers: extra request headers.
        prices: by model, ``*`` for the rest; a model without a price costs *unknown*, never zero.
        ca_file: PEM bundle that replaces the system's trust store for this provider.
        max_in_flight: requests at once to this provider from one gateway; 0 means no bound.
        maker: whose reasoning it takes back, with others of the same name; empty: that of its own ``base_url``.
    """

    name: str
    dialect: Literal["openai", "anthropic"]
    base_url: str
    credential: str | None = None
    headers: dict[str, str] = {}
    prices: dict[str, Price] = {}
    ca_file: str | None = None
    max_in_flight: int = 0
    maker: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A fallback: a provider's model that receives the same rendered request."""

    provider: str
    model: str


class VariantRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One arm: a version, its share of new units, and what it puts into each request.

    Attributes:
        name: ``stable``, ``candidate``, or an experiment's own.
        version: such as support-bot/v1.4.0-3fa9c1d2.
        weight: basis points.
        slot: basis points kept free for it, where that is more than its weight; the rest of them is stable's. An arm
            that is taken out thereby moves no unit between the others.
    """

    name: str
    version: str
    weight: int
    slot: int = 0
    provider: str
    insertion: Insertion
    fallbacks: tuple[Target, ...] = ()
    timeouts: Timeouts = Timeouts()
    max_attempts: int = 3


class ReleaseContext(msgspec.Struct, frozen=True, kw_only=True):
    """Which release, attempt, step and round the observations of this revision belong to.

    Attributes:
        round: how often the weights of the step were set anew.
        mirroring: copies of stable's requests for the candidate, ``None`` where nothing is mirrored.
        pins: conversations keep the variant of their first turn.
        pins_units: and so does every unit that may return, because weights go up and down.
        alternates: the turns of a conversation go to both variants in turn.
    """

    id: str
    attempt: int
    step: int
    round: int = 0
    cutoff_failures: int = 5  # hard failures in a row after which a gateway stops using the candidate
    on_lease_expiry: Literal["stable", "hold"] = "stable"
    mirroring: Mirroring | None = None
    pins: bool = False
    pins_units: bool = False
    alternates: bool = False


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of units; every given condition must hold. Patterns are globs."""

    header: dict[str, str] = {}
    metadata: dict[str, str] = {}
    key: str | None = None
    user: str | None = None


class ContentPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway keeps of a service's prompts and answers.

    Attributes:
        sample: basis points of its requests.
        redact: replace personal data before anything leaves the gateway.
        keep_seconds: how long control may keep it.
    """

    sample: int
    redact: bool
    keep_seconds: int


class ServiceRoute(msgspec.Struct, frozen=True, kw_only=True):
    """How one service is served. ``variants`` is empty until it has a first version.

    Attributes:
        layer: further salt of an experiment's assignment, so that it has nothing to do with earlier ones.
        targets: segment -> arm -> basis points its units give to it, at stable's cost, where that is more than the
            arm's weight.
        content: ``None`` keeps nothing of what is asked and answered.
    """

    name: str
    stable: str | None = None  # name of the variant that users get and rescues come from
    variants: tuple[VariantRoute, ...] = ()
    salt: str = ""
    layer: str = ""
    unit: Literal["request", "conversation", "user"] = "conversation"
    derive_conversation: bool = False
    segments: dict[str, Segment] = {}
    release: ReleaseContext | None = None
    targets: dict[str, dict[str, int]] = {}
    content: ContentPolicy | None = None

    def has_target(self, variant: str) -> bool:
        """Whether some segment's units may go to ``variant``."""
        return any(split.get(variant) for split in self.targets.values())


class SlowAfter(msgspec.Struct, frozen=True, kw_only=True):
    """Ages at which requests of a release are reported before they end, microseconds, rising, by variant.

    Attributes:
        release, attempt, step: of the requests that are meant.
        latency_us: of every request.
        ttft_us: of streams without any content yet.
    """

    release: str
    attempt: int
    step: int
    latency_us: dict[str, tuple[int, ...]] = {}
    ttft_us: dict[str, tuple[int, ...]] = {}


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A credential by its SHA-256; ``services`` empty means every service, no ``limits`` means none."""

    name: str
    sha256: str
    roles: tuple[str, ...] = ("invoke",)
    services: tuple[str, ...] = ()
    limits: KeyLimits | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One whole routing table.

    Attributes:
        revision: rises by one with each published change.
        epoch: rises with each new leader; a lower epoch is never put in force.
        lease_seconds: how long the snapshot holds after its last renewal before a gateway reverts to
            stable alone.
        open_access: no keys are configured and the gateway listens on loopback: any credential is taken.
        slow: by service; beside its route, so that freezing a threshold changes nobody's route.
        mac_key: secret that signs request ids, hex; the file on disk is readable by its owner only.
    """

    format: int = FORMAT
    revision: int
    epoch: int
    lease_seconds: float = 10.0
    open_access: bool = False
    mac_key: str = ""
    keys: tuple[AccessKey, ...] = ()
    providers: dict[str, Provider] = {}
    services: dict[str, ServiceRoute] = {}
    slow: dict[str, SlowAfter] = {}


LogLevel = Literal["debug", "info", "warning", "error"]


class Lease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A renewal: the named revision is still the one in force.

    Attributes:
        log_level: what everybody's logs shall tell from now on; ``None`` leaves them as they were started.
    """

    revision: int
    epoch: int
    seconds: float
    log_level: LogLevel | None = None


class LinkMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from control: a snapshot with the secrets it refers to as ``memory:NAME``, or a lease."""

    snapshot: Snapshot | None = None
    secrets: dict[str, str] = {}
    lease: Lease | None = None


class Cutoff(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway stopped using a candidate on its own after hard failures in a row."""

    service: str
    release: str
    attempt: int
    variant: str
    failures: int
    reason: str  # the last failure's outcome code


class BreakerState(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment's breaker as a gateway sees it."""

    deployment: str  # provider/model
    state: Literal["admitting", "probing", "blocking"]
    failures: int


class MirrorSpending(msgspec.Struct, frozen=True, kw_only=True):
    """What one process's copies of one step have cost so far: nano-USD and tokens."""

    service: str
    release: str
    attempt: int
    step: int
    cost: int
    tokens: int


class MirrorGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What one process may spend on one step's copies in all."""

    service: str
    release: str
    attempt: int
    step: int
    cost: int
    tokens: int


class Pin(NamedTuple):
    """The variant of a conversation's first turn, and when its coin was thrown."""

    variant: str
    step: int
    round: int


class PinReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one process pinned of one attempt since it last told, by unit hash.

    Attributes:
        log: the list of control's that it knows, "" for none.
        seen: how far it has that.
    """

    service: str
    release: str
    attempt: int
    log: str
    seen: int
    pins: tuple[tuple[int, Pin], ...]


class PinUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What others pinned; ``until`` is the ``seen`` of the next report."""

    service: str
    release: str
    attempt: int
    log: str
    until: int
    pins: tuple[tuple[int, Pin], ...]


class HeartbeatAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a control process says to a heartbeat; most of the time nothing: 204, or 202 where it does not lead."""

    is_leading: bool = True
    grants: tuple[MirrorGrant, ...] = ()
    pins: tuple[PinUpdate, ...] = ()
    keys: tuple[KeyGrant, ...] = ()


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway says of itself every second; its ``revision`` is the acknowledgement.

    Attributes:
        boot_id: new with each process, so sequence numbers of batches never collide.
        in_flight: requests under way by version reference.
        spool_batches: observation batches waiting for control.
        dropped: observations lost since the process started (full spool).
        record_batches, records_dropped: the same of records (feedback, kept content).
        stopping: the gateway drains and will be gone; it leaves every quorum.
        mirrors: what copies have cost, where money or tokens bound them.
        pins: of conversations, for the other gateways.
        keys: what is wanted and used of keys with limits.
    """

    gateway: str
    boot_id: str
    pid: int
    address: str
    build: str
    revision: int
    epoch: int
    in_flight: dict[str, int] = {}
    breakers: tuple[BreakerState, ...] = ()
    cutoffs: tuple[Cutoff, ...] = ()
    spool_batches: int = 0
    dropped: int = 0
    record_batches: int = 0
    records_dropped: int = 0
    stopping: bool = False
    mirrors: tuple[MirrorSpending, ...] = ()
    pins: tuple[PinReport, ...] = ()
    keys: tuple[KeyUse, ...] = ()
