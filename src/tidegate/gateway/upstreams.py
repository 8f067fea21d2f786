"""The gateway's live handles on deployments and providers: what outlives a routing table.

A deployment is identified by address, dialect, model and credential. A new table with the same deployment
keeps its breaker; one with a mended key starts with a clean one, and one bad key benches no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import NamedTuple
from urllib.parse import urlsplit

from tidegate.delivery.snapshot import BreakerState, Provider
from tidegate.errors import TidegateError
from tidegate.gateway.breaker import Breaker
from tidegate.gateway.http.client import Origin, request_head
from tidegate.wire.reasoning.marks import mark_of

ResolveSecret = Callable[[str, Mapping[str, str]], str]
"""Gives the secret behind ``env:NAME``, ``file:PATH`` or ``memory:NAME`` (from the literals that came with
the snapshot); raises OperatorError."""

FindProxy = Callable[[str], str | None]
"""Gives the proxy's URL for a provider's address, or ``None``."""

Headers = Sequence[tuple[bytes, bytes]]


class Load:
    """Requests under way to one provider, and the bound on them (0: none)."""

    __slots__ = ("bound", "in_flight")

    def __init__(self) -> None:
        self.bound = 0
        self.in_flight = 0

    @property
    def is_full(self) -> bool:
        """Whether one more request would exceed the bound."""
        return 0 < self.bound <= self.in_flight


class Account:
    """A provider made callable: where it is, how we identify ourselves, how busy it is.

    Attributes:
        origin: where to connect; ``None`` when ``problem`` says why it cannot be used.
        headers: credential and the provider's extra headers.
        mark: of whoever reasons there, put on what it signs (:mod:`tidegate.wire.reasoning`).
        problem: one sentence for operators, ``""`` when all is well.
    """

    __slots__ = ("_base_path", "_heads", "dialect", "headers", "load", "mark", "name", "origin", "problem")

    def __init__(self, provider: Provider, load: Load, secret: str | None, origin: Origin | None, problem: str) -> None:
        self.name = provider.name
        self.dialect = provider.dialect
        self.load = load
        self.origin = origin
        self.problem = problem
        self.mark = mark_of(provider.base_url, provider.maker)
        self.headers = _account_headers(provider, secret)
        self._base_path = urlsplit(provider.base_url).path.rstrip("/")
        self._heads: dict[str, tuple[Headers, bytes, bytes]] = {}

    def head(self, path: str, headers: tuple[tuple[bytes, bytes], ...], length: int, extra: Headers = ()) -> bytes:
        """Request line and headers of one request; all but its length is built once per path.

        Raises:
            ValueError: a header would inject another one.
        """
        if extra:
            return self._build(path, (*headers, *extra), length)
        halves = self._heads.get(path)
        if halves is None or halves[0] is not headers:
            marked = self._build(path, headers, _MARK)
            before, _, after = marked.partition(b"%d" % _MARK)
            halves = self._heads[path] = headers, before, after
        return b"%b%d%b" % (halves[1], length, halves[2])

    def _build(self, path: str, headers: Headers, length: int) -> bytes:
        assert self.origin is not None, "an account with a problem is never asked"
        merged = list(dict([*headers, *self.headers]).items())  # the operator's own word is the last
        target = (self._base_path + path).encode("ascii")
        return request_head(b"POST", target, self.origin, merged, length)


_MARK = 918_273_645_546_372_819  # no header of ours contains it, so it marks where the length stands


def _account_headers(provider: Provider, secret: str | None) -> list[tuple[bytes, bytes]]:
    headers: dict[bytes, bytes] = {b"accept-encoding": b"identity", b"user-agent": b"tidegate"}
    if secret:
        key = secret.strip().encode("latin-1", "replace")
        if provider.dialect == "anthropic":
            headers[b"x-api-key"] = key
        else:
            headers[b"authorization"] = b"Bearer " + key
    for name, value in provider.headers.items():
        headers[name.lower().encode("ascii", "replace")] = value.encode("latin-1", "replace")
    return list(headers.items())


class Identity(NamedTuple):
    """What makes a deployment the same one."""

    base_url: str
    dialect: str
    model: str
    headers: tuple[tuple[bytes, bytes], ...]


class Deployment:
    """A provider's model made callable, with its breaker."""

    __slots__ = ("breaker", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.breaker = Breaker()


class Upstreams:
    """Deployments, loads and origins of a gateway process, shared by its successive tables."""

    __slots__ = ("_deployments", "_find_proxy", "_in_use", "_loads", "_origins", "_resolve")

    def __init__(self, resolve: ResolveSecret, find_proxy: FindProxy = lambda _: None) -> None:
        self._resolve = resolve
        self._find_proxy = find_proxy
        self._deployments: dict[Identity, Deployment] = {}
        self._in_use: set[Identity] = set()
        self._loads: dict[str, Load] = {}
        self._origins: dict[tuple[str, str | None], Origin] = {}

    def begin(self) -> None:
        """A new table is being compiled: what it does not ask for is forgotten by :meth:`finish`."""
        self._in_use = set()

    def finish(self) -> None:
        """The table is compiled. Requests under way keep what they hold."""
        self._deployments = {
            identity: deployment for identity, deployment in self._deployments.items() if identity in self._in_use
        }

    def account(self, provider: Provider, secrets: Mapping[str, str]) -> Account:
        """The provider as this table knows it. An unusable one has a ``problem``, and breaks no other."""
        load = self._loads.setdefault(provider.name, Load())
        load.bound = provider.max_in_flight
        try:
            secret = self._resolve(provider.credential, secrets) if provider.credential else None
            account = Account(provider, load, secret, self._origin(provider), "")
            account.head("/", (), 0)  # a secret or header that cannot be sent is told now, not with each request
            return account  # noqa: TRY300 - both lines above may fail
        except (TidegateError, ValueError, OSError) as error:
            problem = f"The provider {provider.name!r} cannot be used: {error}"
            return Account(provider, load, None, None, problem)

    def beside(self, account: Account) -> Account:
        """The same account with a load of its own, for copies."""
        twin = copy(account)
        twin.load = self._loads.setdefault(f"{account.name} (mirror)", Load())
        return twin

    def deployment(self, provider: Provider, account: Account, model: str) -> Deployment:
        """The deployment of ``model`` there, with the breaker it already has."""
        identity = Identity(provider.base_url, provider.dialect, model, tuple(account.headers))
        self._in_use.add(identity)
        found = self._deployments.get(identity)
        if found is None:
            found = self._deployments[identity] = Deployment(f"{provider.name}/{model}")
        return found

    def breaker_states(self, now: float) -> tuple[BreakerState, ...]:
        """For the heartbeat: every breaker that has something to tell."""
        return tuple(
            BreakerState(
                deployment=deployment.name,
                state=deployment.breaker.state(now),
                failures=deployment.breaker.failures,
            )
            for deployment in self._deployments.values()
            if deployment.breaker.failures
        )

    def _origin(self, provider: Provider) -> Origin:
        parts = urlsplit(provider.base_url)
        key = (f"{parts.scheme}://{parts.netloc}", provider.ca_file)
        origin = self._origins.get(key)
        if origin is None:
            origin = Origin.from_url(key[0], ca_file=provider.ca_file, proxy_url=self._find_proxy(key[0]))
            self._origins[key] = origin
        return origin
