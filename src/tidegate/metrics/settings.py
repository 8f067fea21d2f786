"""What an installation says of metric sources: the Prometheus that is asked, and secrets that sources may send."""

from __future__ import annotations

import msgspec


class PrometheusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server that release files mean when they name none.

    Attributes:
        url: such as ``http://prometheus:9090``, with the prefix it is served under.
        headers: sent with each query.
    """

    url: str
    headers: dict[str, str] = {}


class SecretSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that release files name as ``secret:NAME`` and never see.

    Attributes:
        origin: ``https://HOST[:PORT]``, the only place it is sent to, whatever a release file says.
    """

    value: str
    origin: str


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``metrics`` of the configuration."""

    prometheus: PrometheusSettings | None = None
    secrets: dict[str, SecretSettings] = {}
