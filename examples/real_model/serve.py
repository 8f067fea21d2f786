"""Serve a registered version: Hugging Face weights with `transformers serve`, a GGUF file with llama.cpp.

    python serve.py work/tiny-v1.tar --port 8101

The archive is what `tidegate export` wrote, so what answers is what was registered. It is unpacked beside itself,
its weights say which server they need, and this process becomes that server.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import tarfile
from pathlib import Path

MODEL = "tiny"  # after the slash of `model: tiny-1/tiny`: what requests call it


def unpack(archive: Path) -> Path:
    """The folder of the bundle in the archive."""
    if not archive.is_file():
        raise SystemExit(f"{archive}: no such file; `tidegate export VERSION -o {archive}` writes it")
    unpacked = archive.with_suffix("")
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    return unpacked / "bundle"


def transformers_command(bundle: Path) -> list[str]:
    """Its server wants weights, tokenizer and configuration in one folder, named like the model."""
    model = bundle.parent / MODEL
    model.mkdir()
    for file in (bundle / "config.json", *(bundle / "weights").iterdir(), *(bundle / "tokenizer").iterdir()):
        shutil.copy(file, model)
    os.chdir(model.parent)
    return [str(Path(sys.executable).with_name("transformers")), "serve", MODEL, "--device", "cpu"]


def llama_command(weights: Path) -> list[str]:
    """One file holds everything. Requests wait for each other: by default a new one cuts off the one before it."""
    if importlib.util.find_spec("llama_cpp") is None:
        raise SystemExit(f"{weights.name} needs llama.cpp, which is not built here: `make llama-env` builds it")
    server = [sys.executable, "-m", "llama_cpp.server", "--interrupt_requests", "false"]
    return [*server, "--model", str(weights), "--model_alias", MODEL]


def command_for(bundle: Path) -> list[str]:
    """The server that the weights need."""
    weights = {file.suffix: file for file in sorted((bundle / "weights").glob("*"))}
    if ".gguf" in weights:
        return llama_command(weights[".gguf"])
    if ".safetensors" in weights:
        return transformers_command(bundle)
    found = ", ".join(file.name for file in weights.values()) or "nothing"
    raise SystemExit(f"{bundle}/weights: a .safetensors or .gguf file is needed, and there is {found}")


def main() -> None:
    """Read the arguments and become the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    command = [*command_for(unpack(options.archive)), "--host", "127.0.0.1", "--port", str(options.port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # noqa: TID251 - handed on; the weights are here
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
