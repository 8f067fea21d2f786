"""Runs the page of ``examples/real_model`` as its reader would, once for each server, on free ports."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "real_model"
MODEL_VENV = ROOT / ".model-venv"
MODEL_BIN = MODEL_VENV / "bin"
FILES = ("train.py", "convert.py", "serve.py", "ask.py", "tidegate.yaml", "release.yaml", "README.md")
PORTS = ("7400", "7401", "8101", "8102", "8103")
SECONDS = 400
BLOCK = re.compile(r"^## (\d)\.[^\n]*$|^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "@@section"
ENVIRONMENTS, CONVERSION = "1", "3"  # sections: made before, and for llama.cpp alone


def free_ports(count: int) -> list[str]:
    """Ports that nobody listens on; all bound at once, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="session")
def model_python() -> Path:
    """Python with PyTorch and transformers."""
    if not (MODEL_BIN / "transformers").exists():
        pytest.skip("the environment with PyTorch is missing: `make model-env` makes it")
    return MODEL_BIN / "python"


@pytest.fixture(scope="session")
def llama_python(model_python) -> Path:
    """The same with llama.cpp beside them."""
    if not any(MODEL_VENV.glob("lib/python3*/site-packages/llama_cpp/lib/libllama.*")):
        pytest.skip("llama.cpp is not built: `make llama-env` builds it from source (about seven minutes, needs g++)")
    return model_python


@pytest.fixture(scope="session")
def trained(model_python, tmp_path_factory) -> Path:
    """A bundle directory as ``train.py`` writes it."""
    folder = tmp_path_factory.mktemp("trained") / "v1"
    settings = ["--provider", "tiny-1", "--answer", "I am tiny, version 1."]
    subprocess.run([model_python, EXAMPLE / "train.py", folder, *settings], check=True, capture_output=True)
    return folder


def script_of(page: str, left_out: set[str]) -> str:
    """The page's commands but those of some sections, with a mark between sections."""
    lines = ["set -e"]
    section = ""
    for found in BLOCK.finditer(page):
        if found[1]:
            section = found[1]
            lines.append(f"echo '{MARK} {section}'")
        elif section not in left_out:
            lines.append(found[2])
    return "\n".join(lines)


class Walk(dict[str, str]):
    """Output of the page's commands by section number, and the folder they ran in."""

    folder: Path


@pytest.fixture(scope="session", params=["transformers", "llama.cpp"])
def walk(tmp_path_factory, request, model_python) -> Walk:
    """The page's commands for one server, run in a copy of its folder."""
    left_out = {ENVIRONMENTS}
    if request.param == "llama.cpp":
        request.getfixturevalue("llama_python")
    else:
        left_out.add(CONVERSION)
    folder = tmp_path_factory.mktemp("real_model")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    for name in FILES:
        text = (EXAMPLE / name).read_text()
        (folder / name).write_text(re.sub(r"\b(7400|7401|8101|8102|8103)\b", lambda found: ports[found[0]], text))
    shutil.rmtree(folder / "work", ignore_errors=True)
    found = Walk()
    found.folder = folder
    output = run(script_of((folder / "README.md").read_text(), left_out), folder)
    for part in output.split(MARK)[1:]:
        number, _, text = part.strip().partition("\n")
        found[number] = text
    return found


def run(script: str, folder: Path) -> str:
    """What the script said; everything it left running is ended."""
    environment = {
        "PATH": f"{MODEL_BIN}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
    }
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            status = process.wait(SECONDS)
        finally:
            end_session(process)
        output.seek(0)
        said = output.read()
    assert status == 0, f"exit code {status}:\n{said}\n{logs(folder)}"
    return said


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End the script's process group, where the servers are that it started in the background."""
    for signum, seconds in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + seconds
        try:
            os.killpg(process.pid, signum)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def logs(folder: Path) -> str:
    """The ends of the servers' logs, for a failure's message."""
    return "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in sorted((folder / "work").glob("*.log")))
