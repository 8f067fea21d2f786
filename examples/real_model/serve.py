"""Serve a registered version with Hugging Face's server.

    python serve.py work/tiny-v1.tar --port 8101

The archive is what `tidegate export` wrote, so what answers is what was registered. The server wants weights,
tokenizer and configuration in one folder, named like the model that requests ask for; that folder is laid out
beside the archive, and this process becomes the server.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tarfile
from pathlib import Path

MODEL = "tiny"  # after the slash of `model: tiny-1/tiny`; the server answers to no other name


def lay_out(archive: Path) -> Path:
    """The folder from which ``MODEL`` can be served."""
    unpacked = archive.with_suffix("")
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    model = unpacked / MODEL
    model.mkdir()
    bundle = unpacked / "bundle"
    for file in (bundle / "config.json", *(bundle / "weights").iterdir(), *(bundle / "tokenizer").iterdir()):
        shutil.copy(file, model)
    return unpacked


def main() -> None:
    """Read the arguments and become the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    os.chdir(lay_out(options.archive))
    server = Path(sys.executable).with_name("transformers")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # noqa: TID251 - handed on; the weights are here
    command = [server, "serve", MODEL, "--device", "cpu", "--host", "127.0.0.1", "--port", str(options.port)]
    os.execve(server, command, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
