"""The model card of a version: its own ``card.md``, or one written from what the registry knows."""

from __future__ import annotations

import json

import minijinja

from tidegate.registry.versions import Version

_TEMPLATE = """\
# {{ version.ref }}

{{ version.service }} answers with `{{ bundle.model }}`\
{% if lineage.base_model %}, made from `{{ lineage.base_model }}`{% endif %}.
{%- if version.unstable %}

> **Unstable.** {{ version.unstable }}
{%- endif %}

## Intended use

Requests to the service `{{ version.service }}`. The author stated no other intended use; add `card.md` to the bundle.

## Prompt
{% if bundle.system %}
System prompt ({{ bundle.policy }} the client's own):

{{ bundle.system | indent(4, true) }}
{% else %}
None; requests pass as clients send them.
{% endif %}
{%- if bundle.few_shot %}
Few-shot messages: {{ bundle.few_shot }}.
{% endif %}
## Parameters
{% if bundle.generation %}
{%- for name, value in bundle.generation %}
- `{{ name }}`: `{{ value }}`
{%- endfor %}
{% else %}
The provider's defaults.
{% endif %}
## Training data

{{ lineage.data or "Not stated." }}
{%- if lineage.training_run %} Training run: `{{ lineage.training_run }}`.{% endif %}

## Metrics

{% if bundle.tests -%}
The bundle brings {{ bundle.tests }} evaluation file{{ "s" if bundle.tests != 1 }}; results are attached to the version, not written here.
{%- else -%}
None were given with the bundle.
{%- endif %}

## Known limitations

{{ version.unstable or "None stated." }}

## Provenance

- Content: `sha256:{{ version.digest }}` ({{ bundle.files }} files, {{ bundle.bytes }} bytes)
- Registered: {{ version.created_at }} by {{ version.created_by }}
{%- if lineage.parent %}
- Parent: `{{ lineage.parent }}`
{%- endif %}
{%- if lineage.git_commit %}
- Git commit: `{{ lineage.git_commit }}`
{%- endif %}
{%- if lineage.note %}
- Note: {{ lineage.note }}
{%- endif %}
"""


def model_card(version: Version) -> str:
    """The card as Markdown, ending in a line end."""
    if version.bundle.card is not None:
        return version.bundle.card + "\n"
    bundle = version.bundle
    context = {
        "version": {
            "ref": version.ref,
            "service": version.service,
            "digest": version.digest,
            "unstable": version.unstable,
            "created_at": version.created_at.isoformat(timespec="seconds"),
            "created_by": version.created_by,
        },
        "bundle": {
            "model": bundle.model,
            "system": bundle.prompt.system,
            "policy": {"prepend": "before", "replace": "in place of", "keep": "unless there is"}[
                bundle.prompt.system_policy
            ],
            "few_shot": len(bundle.prompt.few_shot),
            "generation": [[name, json.dumps(value)] for name, value in sorted(bundle.generation.items())],
            "tests": sum(path.startswith("tests/") for path in bundle.files),
            "files": len(version.manifest),
            "bytes": sum(entry.size for entry in version.manifest),
        },
        "lineage": {name: getattr(version.lineage, name) for name in version.lineage.__struct_fields__},
    }
    return minijinja.Environment().render_str(_TEMPLATE, **context).rstrip("\n") + "\n"
