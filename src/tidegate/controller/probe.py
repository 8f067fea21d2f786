"""Tries the candidate before any user is sent to it: plain requests and smoke requests, through a gateway.

The candidate stands in the routing table with weight 0; control sends requests like any client, with a key of
its own and ``x-tidegate-force-version``, so the gateway answers with the candidate alone. What speaks of the
candidate is only an answer that names it; anything else (no gateway, a gateway that does not know it yet) is
*no data*, and the controller asks again until the gate's deadline.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import httpx2
import msgspec

from tidegate.controller.clock import Clock
from tidegate.delivery.facts import ProbeResult
from tidegate.delivery.probe import unmet
from tidegate.delivery.release_spec import ExpectSpec, ProbeSpec
from tidegate.delivery.snapshot import AccessKey

PROBE_KEY = "tidegate-probe"
JUDGE_KEY = "tidegate-judge"
_CHAT = "/v1/chat/completions"
_EMBEDDINGS = "/v1/embeddings"
_PLAIN_MESSAGES = ({"role": "user", "content": "Reply with the single word: ready"},)
_EXCERPT_CHARACTERS = 200
_CONNECT_SECONDS = 5.0


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what came of it, as evidence.

    Attributes:
        is_smoke: it had expectations.
        fault: why it failed, ``None`` when it did not.
        excerpt: beginning of the answer's text, or of the error.
    """

    is_smoke: bool
    status: int
    latency_seconds: float
    fault: str | None
    excerpt: str


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result that decisions read, and the answers it rests on."""

    result: ProbeResult
    answers: tuple[ProbeAnswer, ...]

    def __add__(self, other: ProbeReport) -> ProbeReport:
        """Those of two versions on trial."""
        result = ProbeResult(
            attempt=self.result.attempt,
            answered=self.result.answered + other.result.answered,
            failed=self.result.failed + other.result.failed,
            detail=self.result.detail or other.result.detail,
        )
        return ProbeReport(result=result, answers=self.answers + other.answers)


class PlannedProbe(msgspec.Struct, frozen=True, kw_only=True):
    """One request to send, and what its answer must satisfy."""

    path: str
    body: dict[str, Any]
    expect: ExpectSpec = ExpectSpec()
    is_smoke: bool = False


class ProbeUnansweredError(Exception):
    """Nothing was learnt of the candidate; ask again later."""


class OwnCredential:
    """The key of this process's own requests: random, in memory, and in every snapshot by its digest."""

    def __init__(self, name: str, *roles: str) -> None:
        self.secret = f"tgp_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(self.secret.encode()).hexdigest()
        self.key = AccessKey(name=name, sha256=digest, roles=roles)


class ProbeCredential(OwnCredential):
    """For probes, which may force a version."""

    def __init__(self) -> None:
        super().__init__(PROBE_KEY, "invoke", "operator")


class Prober:
    """Sends probes; one instance for the life of the process.

    Args:
        client: an HTTP client; closed by its owner.
    """

    def __init__(self, client: httpx2.AsyncClient, credential: ProbeCredential, clock: Clock) -> None:
        self._client = client
        self._credential = credential
        self._clock = clock

    async def run(
        self,
        address: str,
        *,
        service: str,
        reference: str,
        attempt: int,
        spec: ProbeSpec,
        endpoint: str = "chat",
        request_seconds: float,
    ) -> ProbeReport:
        """Send every probe, one after the other; the first failure ends it.

        Args:
            address: ``HOST:PORT`` of a gateway.
            reference: full reference of the candidate.
            endpoint: ``embeddings`` for versions that only embed (``requirements: {endpoint: embeddings}``).
            request_seconds: the longest one request may take.

        Raises:
            ProbeUnansweredError: an answer did not come from the candidate.
        """
        answers: list[ProbeAnswer] = []
        for planned in plan(service, spec, endpoint):
            answers.append(await self._ask(address, reference, planned, request_seconds))
            if answers[-1].fault is not None:
                break
        faults = [answer.fault for answer in answers if answer.fault is not None]
        result = ProbeResult(
            attempt=attempt,
            answered=len(answers) - len(faults),
            failed=len(faults),
            detail=faults[0] if faults else "",
        )
        return ProbeReport(result=result, answers=tuple(answers))

    async def _ask(self, address: str, reference: str, planned: PlannedProbe, request_seconds: float) -> ProbeAnswer:
        began = self._clock.monotonic()
        response = await self._send(address, reference, planned, request_seconds)
        took = self._clock.monotonic() - began
        if not _speaks_of(response, reference):
            raise ProbeUnansweredError(
                f"the gateway at {address} answered {response.status_code} without the candidate"
            )
        fault, text = _examined(response, planned, took)
        return ProbeAnswer(
            is_smoke=planned.is_smoke,
            status=response.status_code,
            latency_seconds=took,
            fault=fault,
            excerpt=text[:_EXCERPT_CHARACTERS],
        )

    async def _send(
        self, address: str, reference: str, planned: PlannedProbe, request_seconds: float
    ) -> httpx2.Response:
        headers = {
            "authorization": f"Bearer {self._credential.secret}",
            "content-type": "application/json",
            "x-tidegate-force-version": reference,
        }
        try:
            return await self._client.post(
                f"{origin_of(address)}{planned.path}",
                content=msgspec.json.encode(planned.body),
                headers=headers,
                timeout=httpx2.Timeout(request_seconds, connect=_CONNECT_SECONDS),
            )
        except httpx2.HTTPError as error:
            raise ProbeUnansweredError(f"the gateway at {address} did not answer: {error!r}") from error


def plan(service: str, spec: ProbeSpec, endpoint: str) -> list[PlannedProbe]:
    """Every probe in order, at least one; plain ones first, because they are the cheaper way to fail."""
    plain = PlannedProbe(path=_CHAT, body={"model": service, "messages": _PLAIN_MESSAGES})
    if endpoint == "embeddings":
        plain = PlannedProbe(path=_EMBEDDINGS, body={"model": service, "input": "ready"})
    smoke = [
        PlannedProbe(
            path=_CHAT,
            body={"model": service, "messages": msgspec.to_builtins(case.messages)},
            expect=case.expect,
            is_smoke=True,
        )
        for case in spec.smoke
    ]
    return [plain] * (spec.requests or int(not smoke)) + smoke


def choose_gateway(addresses: Sequence[str], attempt: int) -> str | None:
    """Another one each time, so that one gateway out of reach does not hold a release up; ``None`` without any."""
    return addresses[attempt % len(addresses)] if addresses else None


def origin_of(address: str) -> str:
    """``http://HOST:PORT`` of a gateway; what listens everywhere is reached on this machine."""
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host.strip("[]"), host.strip("[]"))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _speaks_of(response: httpx2.Response, reference: str) -> bool:
    """A success names its version; a failure was the candidate's when an attempt at it was made, or can never be."""
    if response.is_success:
        return bool(response.headers.get("x-tidegate-version") == reference)
    attempts = response.headers.get("x-tidegate-attempts", "0")
    return (attempts.isdigit() and int(attempts) > 0) or _error(response, "code") == "provider_unusable"


def _examined(response: httpx2.Response, planned: PlannedProbe, took: float) -> tuple[str | None, str]:
    """(what is wrong or ``None``, text worth keeping)."""
    if not response.is_success:
        text = response.text
        return (
            f"it answered {response.status_code}: {_error(response, 'message') or text[:_EXCERPT_CHARACTERS]!r}",
            text,
        )
    try:
        answer = msgspec.json.decode(response.content)
        if planned.path == _EMBEDDINGS:
            size = len(answer["data"][0]["embedding"])
            return (None if size else "the embedding is empty"), f"{size} dimensions"
        choice = answer["choices"][0]
        text, finish_reason = choice["message"].get("content") or "", choice.get("finish_reason") or ""
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return "the answer is not whole", response.text
    if not finish_reason:
        return "the answer ended without a finish reason", text
    return unmet(planned.expect, text=text, finish_reason=finish_reason, latency_seconds=took), text


def _error(response: httpx2.Response, key: str) -> str:
    try:
        found = msgspec.json.decode(response.content)["error"][key]
    except (msgspec.DecodeError, LookupError, TypeError):
        return ""
    return str(found)
