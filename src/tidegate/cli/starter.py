"""What ``init`` writes: a commented configuration, and a first bundle that can be pushed as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from tidegate.cli.output import Cell
from tidegate.config import Address, ListenSettings
from tidegate.delivery.version import check_service_name
from tidegate.errors import ConflictError, InvalidInputError

ProviderName = Literal["openai", "anthropic", "local", "simulator"]


class Preset(NamedTuple):
    """A provider as most people use it.

    Attributes:
        variable: of the environment, with the key; empty for none.
        hint: what must be there before a request can be answered.
    """

    dialect: Literal["openai", "anthropic"]
    base_url: str
    variable: str
    model: str
    hint: str


PRESETS: dict[ProviderName, Preset] = {
    "openai": Preset(
        "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-4.1-mini", "export OPENAI_API_KEY=…"
    ),
    "anthropic": Preset(
        "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "claude-haiku-4-5", "export ANTHROPIC_API_KEY=…"
    ),
    "local": Preset("openai", "http://127.0.0.1:8000/v1", "", "model", "start your model server"),
    "simulator": Preset("openai", "http://127.0.0.1:8089/v1", "", "sim-good", "tidegate simulate &"),
}
DEFAULT_SERVICE = "support-bot"
DEFAULT_SYSTEM = "You answer questions of our customers, briefly and in a friendly tone."
CONFIGURATION = "tidegate.yaml"
_LISTEN = ListenSettings()


class Wishes(NamedTuple):
    """What the person said; ``None`` is left to the defaults."""

    service: str | None = None
    provider: ProviderName | None = None
    model: str | None = None
    base_url: str | None = None
    system: str | None = None

    @property
    def preset(self) -> Preset:
        """The provider with its usual address."""
        return PRESETS[self.provider_name]

    @property
    def provider_name(self) -> ProviderName:
        """What the provider is called in the configuration."""
        return self.provider or "openai"

    @property
    def service_name(self) -> str:
        """The service, checked.

        Raises:
            InvalidInputError: it cannot be a service's name.
        """
        return check_service_name(self.service or DEFAULT_SERVICE)


def write_starter(folder: Path, wishes: Wishes, *, is_forced: bool) -> list[Path]:
    """Write everything, or nothing when something is there already and that is not to be overwritten.

    Raises:
        ConflictError: a file exists.
        InvalidInputError: a wish that cannot be.
    """
    texts = starter_files(wishes)
    present = [name for name in texts if (folder / name).exists()]
    if present and not is_forced:
        raise ConflictError(
            f"{folder / present[0]} exists already", code="file_exists", remedy="choose another --directory, or --force"
        )
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def starter_files(wishes: Wishes) -> dict[str, str]:
    """Path -> text of every file, relative to the chosen folder.

    Raises:
        InvalidInputError: a wish that cannot be.
    """
    service, model = wishes.service_name, wishes.model or wishes.preset.model
    if not model.strip() or model != model.strip():
        raise InvalidInputError(f"{model!r} is not the name of a model", where="--model")
    return {
        CONFIGURATION: _configuration(wishes, service),
        f"{service}/bundle.yaml": _bundle(service, f"{wishes.provider_name}/{model}"),
        f"{service}/prompt/system.txt": f"{wishes.system or DEFAULT_SYSTEM}\n",
        f"{service}/config/generation.json": '{\n  "temperature": 0.2\n}\n',
    }


def next_steps(folder: Path, wishes: Wishes, written: list[Path]) -> list[Cell]:
    """What was written, and the way to a first answer."""
    service = wishes.service_name
    change = [] if folder == Path() else [f"cd {folder}"]
    steps = [
        *change,
        _hint(wishes),
        "tidegate up &",
        f"tidegate push {service}",
        f"tidegate release {service} v1.0.0 --wait",
        f"curl {Address.parse(_LISTEN.gateway).url}/v1/chat/completions -H 'content-type: application/json' \\",
        f"""  -d '{{"model": "{service}", "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
    ]
    return [*(f"wrote {path}" for path in written), "", "Next:", *(f"  {step}" for step in steps)]


def _configuration(wishes: Wishes, service: str) -> str:
    preset = wishes.preset
    address = json.dumps(wishes.base_url or preset.base_url)
    key = (
        f"\n    api_key: ${{{preset.variable}}}          # read from the environment where a gateway runs"
        if preset.variable
        else ""
    )
    return f"""\
# One Tidegate installation. `tidegate up` starts it; `tidegate schema config` describes every key.
# ${{NAME}} is read from the environment or a .env file beside this one, ${{file:PATH}} from a file.

listen:
  gateway: {_LISTEN.gateway}      # your applications: OpenAI's API under /v1, Anthropic's beside it
  control: {_LISTEN.control}      # people, CI and gateways

storage:
  database: sqlite:///tidegate.db
  artifacts: ./artifacts

providers:
  {wishes.provider_name}:
    dialect: {preset.dialect}
    base_url: {address}{key}
    # prices: {{"*": {{input: 0.40, output: 1.60}}}}      # USD per million tokens; without them cost is unknown

# Without keys only this machine can connect, and everybody on it may do everything.
# keys:
#   - {{name: backend, key: "${{BACKEND_KEY}}", roles: [invoke], services: [{service}]}}
#   - {{name: ci, key: "${{CI_KEY}}", roles: [operator]}}

# A service is the name that clients send as `model`. Its versions are bundles: push {service}/, then release it.
services:
  {service}:
    # fallbacks: [other/model]       # who answers when the version's own model does not
    timeouts: {{connect: 2s, first_token: 10s, idle: 30s, total: 5m}}
"""


def _bundle(service: str, model: str) -> str:
    return f"""\
# The head of a version. What the version delivers lies in this folder; every change is a new version:
#   prompt/system.txt         the system prompt
#   prompt/few_shot/*.json    examples, each a list of {{role, content}}
#   config/generation.json    default parameters
#   card.md                   model card; one is written for you without it
kind: Bundle
service: {service}
model: {json.dumps(model)}      # provider/model; the provider stands in tidegate.yaml
"""


def _hint(wishes: Wishes) -> str:
    """A simulator has to listen where it is looked for."""
    port = urlsplit(wishes.base_url or "").port
    return f"tidegate simulate --port {port} &" if wishes.provider == "simulator" and port else wishes.preset.hint
