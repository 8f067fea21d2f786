"""Settings of a whole installation, from one YAML file and the environment.

The only module that reads configuration files. ``${NAME}`` and ``${file:PATH}`` are filled in when the file is read,
except in a provider's ``api_key``: that one becomes a reference, which each gateway resolves for itself, so that no
secret is stored or sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.limits.declared import KeyLimits, LimitsSpec
from tidegate.delivery.notifying import SinkSettings, check_sink
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.roles import check_roles
from tidegate.delivery.service import ProviderSpec, ServiceSpec
from tidegate.delivery.telemetry_settings import TelemetrySettings
from tidegate.delivery.version import check_service_name
from tidegate.documents import Document, decode, parse_document
from tidegate.environment import environment, read_text, secret_of
from tidegate.errors import InvalidInputError, OperatorError
from tidegate.metrics.settings import MetricsSettings

DEFAULT_FILE = "tidegate.yaml"
JOIN_TOKEN_VARIABLE = "TIDEGATE_JOIN_TOKEN"  # noqa: S105 - its name; what gateways join with, unless the file says it
_VARIABLE = re.compile(r"\$\{(file:)?([^}]+)\}")


class Address(NamedTuple):
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``127.0.0.1:7400``, ``[::1]:7400``, ``:7400`` (every interface).

        Raises:
            InvalidInputError: no port, or not a number from 0 to 65535.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65_535:
            raise InvalidInputError(f"{text!r} is not an address", remedy="write HOST:PORT, such as 127.0.0.1:7400")
        return cls(host.strip("[]") or "0.0.0.0", int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """``http://HOST:PORT``; any-interface addresses by loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host and "[" not in host else f"http://{host}:{self.port}"


class ClientTarget(NamedTuple):
    """Where the control plane is, and the key to use there."""

    url: str
    key: str | None


class ListenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Addresses of the two front doors."""

    gateway: str = "127.0.0.1:7400"
    control: str = "127.0.0.1:7401"


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where durable truth lies. Relative paths start at the configuration file's folder.

    Attributes:
        database: ``sqlite:///FILE`` or ``postgresql://…``.
        artifacts: a folder, or ``s3://BUCKET/PREFIX``.
        gateway: folder of the gateways' last snapshot and unsent observations.
    """

    database: str = "sqlite:///tidegate.db"
    artifacts: str = "./artifacts"
    gateway: str = "./.tidegate"


class KeySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A credential of a tenant, with its rights."""

    name: str
    key: str
    roles: tuple[str, ...] = ("invoke",)
    services: tuple[str, ...] = ()
    limits: LimitsSpec | None = None

    @property
    def key_limits(self) -> KeyLimits | None:
        """What it may use; ``None`` without bounds."""
        return None if self.limits is None else self.limits.limits(f"keys.{self.name}.limits")


class ProgramsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Programs that release files may name, as gates and to be told of events.

    Attributes:
        enabled: ``None`` enables them where control listens on loopback only.
        environment: names of variables of ours that they see, beside ``PATH``, ``HOME`` and ``LANG``.
        folder: where they start; the configuration file's folder without it.
    """

    enabled: bool | None = None
    environment: tuple[str, ...] = ()
    folder: str = "."


class ServiceSettings(ServiceSpec, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A service and, inline, the bundle of its first version."""

    stable: dict[str, Any] | None = None

    def spec(self) -> ServiceSpec:
        """The service without its first version."""
        return ServiceSpec(**{name: getattr(self, name) for name in ServiceSpec.__struct_fields__})


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One installation: what ``tidegate.yaml`` says."""

    listen: ListenSettings = ListenSettings()
    storage: StorageSettings = StorageSettings()
    providers: dict[str, ProviderSpec] = {}
    keys: tuple[KeySpec, ...] = ()
    services: dict[str, ServiceSettings] = {}
    judges: dict[str, JudgeSpec] = {}
    metrics: MetricsSettings = MetricsSettings()
    join_token: str | None = None
    workers: int = 1
    notify: tuple[SinkSettings, ...] = ()
    programs: ProgramsSettings = ProgramsSettings()
    alerts: AlertSettings = AlertSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @property
    def gateway_address(self) -> Address:
        """Where applications connect."""
        return Address.parse(self.listen.gateway)

    @property
    def control_address(self) -> Address:
        """Where people, the API's clients and gateways connect."""
        return Address.parse(self.listen.control)


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check a configuration file.

    Args:
        path: the file; ``None`` takes ``tidegate.yaml`` here, or the defaults where there is none.
        environ: for ``${NAME}``; ``None`` takes the process's own with the ``.env`` beside the file.

    Raises:
        OperatorError: the file cannot be read, or it would open an unprotected door to other machines.
        InvalidInputError: what is wrong in it, with its line.
    """
    if path is None:
        path = Path(DEFAULT_FILE)
        text = read_text(path) if path.exists() else ""
    else:
        text = read_text(path)
    environ = environment(path.parent) if environ is None else environ
    settings = parse_settings(text, source=str(path), environ=environ, folder=path.parent.absolute())
    if settings.join_token is None:
        settings = msgspec.structs.replace(settings, join_token=environ.get(JOIN_TOKEN_VARIABLE))
    check_exposure(settings)
    return settings


def client_target(url: str | None = None, key: str | None = None, config_path: Path | None = None) -> ClientTarget:
    """Find the control plane as the command line does.

    The address is ``url``, else ``TIDEGATE_URL``, else what the configuration file here listens on, else
    http://127.0.0.1:7401; the key is ``key``, else ``TIDEGATE_KEY``. Only ``listen.control`` of the file is
    looked at, so that its secrets need not be known to whoever asks.

    Raises:
        InvalidInputError: the configuration file or ``.env`` cannot be understood.
        OperatorError: the named configuration file cannot be read.
    """
    path = config_path or Path(DEFAULT_FILE)
    environ = environment(path.parent)
    found = (
        url or environ.get("TIDEGATE_URL") or _listening_url(path, is_named=config_path is not None, environ=environ)
    )
    return ClientTarget(found.rstrip("/"), key or environ.get("TIDEGATE_KEY") or None)


def parse_settings(text: str, *, source: str, environ: Mapping[str, str], folder: Path) -> Settings:
    """Decode the text of a configuration file.

    Raises:
        InvalidInputError: what is wrong in it, with its line.
    """
    document = parse_document(text, source)
    filled = Document(_fill(document, document.value, (), environ, folder), source, document.lines)
    settings = decode(filled, Settings, hook=decode_quantity)
    _check(settings, filled)
    programs = msgspec.structs.replace(settings.programs, folder=str(folder / settings.programs.folder))
    return msgspec.structs.replace(settings, storage=_anchored(settings.storage, folder), programs=programs)


def fill_in(document: Document, environ: Mapping[str, str], folder: Path, *, at: tuple[str, ...] = ()) -> Document:
    """The document with ``${NAME}`` and ``${file:PATH}`` filled in, as in a configuration.

    Keys of providers become references, and the content of bundles stays as it is.

    Args:
        document: a configuration, or the part of one that stands ``at`` a path.
        folder: where relative paths start.

    Raises:
        InvalidInputError: a variable or file does not exist, with its line.
    """
    lines = {at + path: line for path, line in document.lines.items()}
    placed = Document(document.value, document.source, lines)
    return Document(_fill(placed, document.value, at, environ, folder), document.source, document.lines)


def check_exposure(settings: Settings) -> None:
    """Refuse to open a door to other machines that nobody guards.

    Raises:
        OperatorError: an address beyond loopback without keys, or control's without an operator's key.
    """
    if not settings.keys:
        for name, address in (("gateway", settings.gateway_address), ("control", settings.control_address)):
            if not address.is_loopback:
                raise OperatorError(
                    f"listen.{name} {address.host}:{address.port} is reachable from other machines and there are no keys",
                    code="unprotected_listener",
                    remedy="add keys, or listen on 127.0.0.1",
                )
    if settings.join_token is None and not settings.control_address.is_loopback:
        raise OperatorError(
            "listen.control is reachable from other machines and there is no join_token for gateways",
            code="unprotected_listener",
            remedy="set join_token",
        )


def _listening_url(path: Path, *, is_named: bool, environ: Mapping[str, str]) -> str:
    value = parse_document(read_text(path), str(path)).value if is_named or path.exists() else {}
    listen = value.get("listen") if isinstance(value, dict) else None
    given = listen.get("control") if isinstance(listen, dict) else None
    if not isinstance(given, str):
        return Address.parse(ListenSettings().control).url
    return Address.parse(_VARIABLE.sub(lambda match: _variable(match, environ, path.parent), given)).url


def _check(settings: Settings, document: Document) -> None:
    for part in ("gateway", "control"):
        _located(document, ("listen", part), Address.parse, getattr(settings.listen, part))
    if not 1 <= settings.workers <= 256:
        raise InvalidInputError(
            f"{settings.workers} workers are not between 1 and 256", where=document.where(("workers",))
        )
    for name in settings.services:
        _located(document, ("services", name), check_service_name, name)
    for index, sink in enumerate(settings.notify):
        known = {each.name for each in settings.notify[:index]}
        _located(document, ("notify", index), lambda each, known=known: check_sink(each, known), sink)
    names: set[str] = set()
    for index, key in enumerate(settings.keys):
        at = document.where(("keys", index))
        if key.name in names:
            raise InvalidInputError(f"two keys are named {key.name!r}", where=at)
        names.add(key.name)
        if len(key.key) < 8:
            raise InvalidInputError(
                f"key {key.name!r} has fewer than 8 characters", where=at, remedy="use a random one of 32"
            )
        check_roles(key.roles, at)
        _located(document, ("keys", index, "limits"), lambda each: each.key_limits, key)


def _located(document: Document, path: tuple[str | int, ...], check: Any, value: Any) -> None:
    try:
        check(value)
    except InvalidInputError as error:
        raise InvalidInputError(error.message, where=document.where(path), remedy=error.remedy) from None


def _fill(document: Document, value: Any, path: tuple[str | int, ...], environ: Mapping[str, str], folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _fill(document, item, (*path, key), environ, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(document, item, (*path, index), environ, folder) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value or _is_prompt(path):
        return value
    if path[:1] == ("providers",) and path[-1:] == ("api_key",):
        return _reference(value, folder, document.where(path))
    try:
        return _VARIABLE.sub(lambda match: _variable(match, environ, folder), value)
    except OperatorError as error:
        raise InvalidInputError(error.message, where=document.where(path), remedy=error.remedy) from None


def _is_prompt(path: tuple[str | int, ...]) -> bool:
    """Content of bundles is never filled in: a version says the same on every machine."""
    return path[:1] == ("services",) and path[2:3] == ("stable",)


def _reference(value: str, folder: Path, where: str) -> str:
    match = _VARIABLE.fullmatch(value.strip())
    if match is None:
        raise InvalidInputError(
            "an api_key is one ${NAME}, one ${file:PATH} or the key itself, not a mixture", where=where
        )
    return f"file:{folder / match[2]}" if match[1] else f"env:{match[2]}"


def _variable(match: re.Match[str], environ: Mapping[str, str], folder: Path) -> str:
    return secret_of(f"file:{folder / match[2]}" if match[1] else f"env:{match[2]}", environ)


def _anchored(storage: StorageSettings, folder: Path) -> StorageSettings:
    database = storage.database
    if database.startswith("sqlite:///"):
        file = database.removeprefix("sqlite:///")
        database = f"sqlite:///{file if file == ':memory:' else folder / file}"
    artifacts = storage.artifacts if "://" in storage.artifacts else str(folder / storage.artifacts)
    return StorageSettings(database=database, artifacts=artifacts, gateway=str(folder / storage.gateway))
