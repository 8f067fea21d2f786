"""Bundles as folders and as values."""

import json

import yaml

MODEL = "openai/gpt-4.1-mini"


def write_files(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def directory_with(root, **files):
    return write_files(
        root, {"bundle.yaml": f"model: {MODEL}\n", **{name.replace("__", "/"): text for name, text in files.items()}}
    )


FULL = {
    "model": MODEL,
    "prompt": {
        "system": "You answer\nfor ACME.",
        "few_shot": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        "system_policy": "replace",
    },
    "generation": {"temperature": 0.2, "max_tokens": 100},
    "safety": {"pii": {"action": "mask"}},
    "routing": {"fallbacks": ["claude/haiku"], "timeouts": {"connect": "2s"}},
    "requirements": {"gpu": 1},
    "card": "# Card\n",
}


def as_directory(root, value, *, newline="\n"):
    """The same content, each part in its own file."""
    head = {"model": value["model"], "requirements": value.get("requirements", {})}
    prompt = dict(value.get("prompt", {}))
    system, few_shot = prompt.pop("system", None), prompt.pop("few_shot", [])
    head["prompt"] = prompt
    files = {"bundle.yaml": yaml.safe_dump(head)}
    if system and system.strip():
        files["prompt/system.txt"] = "\ufeff" + system.replace("\n", newline) + newline
    for index in range(0, len(few_shot), 2):
        files[f"few_shot/{index:05}.json"] = json.dumps({"messages": few_shot[index : index + 2]}, indent=2)
    for part in ("generation", "safety", "routing"):
        if part in value:
            files[f"config/{part}.json"] = json.dumps(value[part], indent=1)
    if "card" in value:
        files["card.md"] = value["card"].replace("\n", newline)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return root
