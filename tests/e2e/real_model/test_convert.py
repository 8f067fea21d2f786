"""Converted weights compute what they computed before; what cannot be converted is refused and stays as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.real_model.conftest import EXAMPLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

BOTH_ENGINES = Path(__file__).with_name("both_engines.py")


def test_llama_cpp_reads_the_same_tokens_and_computes_what_pytorch_does(llama_python, tmp_path):
    command = [llama_python, BOTH_ENGINES, EXAMPLE, tmp_path / "bundle"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    for pytorch, llama_cpp in found["tokens"]:
        assert llama_cpp == pytorch
    assert found["furthest"] < found["spread"] / 1000


def change(file: str, **fields: object):
    def apply(bundle: Path) -> None:
        written = json.loads((bundle / file).read_text())
        (bundle / file).write_text(json.dumps(written | fields))

    return apply


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (change("config.json", architectures=["MistralForCausalLM"]), "not a LlamaForCausalLM without biases"),
        (change("config.json", rope_parameters={"rope_type": "llama3"}), "rotary positions of type 'llama3'"),
        (
            change("tokenizer/tokenizer.json", normalizer={"type": "NFC"}),
            "not a byte-level BPE that takes text as it is",
        ),
        (change("tokenizer/tokenizer.json", pre_tokenizer=None), "not a byte-level BPE that takes text as it is"),
    ],
)
def test_a_model_of_another_kind_is_refused(llama_python, trained, tmp_path, spoil, told):
    bundle = shutil.copytree(trained, tmp_path / "v1")
    spoil(bundle)
    ran = subprocess.run([llama_python, EXAMPLE / "convert.py", bundle], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (bundle / "weights" / "model.safetensors").is_file()
    assert not any((bundle / "weights").glob("model.gguf*"))
