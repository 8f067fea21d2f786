"""What ``serve.py`` says when there is nothing that it could serve."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SERVE = Path(__file__).parents[3] / "examples" / "real_model" / "serve.py"


def archive_with(folder: Path, *weights: str) -> Path:
    archive = folder / "tiny-v1.tar"
    (folder / "weights").mkdir()
    for name in weights:
        (folder / "weights" / name).write_bytes(b"")
    with tarfile.open(archive, "w") as tar:
        tar.add(folder / "weights", "bundle/weights")
    return archive


def refused(archive: Path) -> str:
    command = [sys.executable, SERVE, archive, "--port", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    return ran.stderr


def test_an_archive_that_does_not_exist(tmp_path):
    archive = tmp_path / "tiny-v9.tar"
    assert refused(archive) == f"{archive}: no such file; `tidegate export VERSION -o {archive}` writes it\n"


def test_gguf_where_llama_cpp_is_not_built(tmp_path):
    assert "`make llama-env` builds it" in refused(archive_with(tmp_path, "model.gguf"))


@pytest.mark.parametrize(("weights", "found"), [((), "nothing"), (("model.onnx",), "model.onnx")])
def test_weights_that_no_server_reads(tmp_path, weights, found):
    assert f"a .safetensors or .gguf file is needed, and there is {found}" in refused(archive_with(tmp_path, *weights))
