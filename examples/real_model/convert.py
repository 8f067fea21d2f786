"""Rewrite the weights of bundle directories as GGUF, the one file that llama.cpp reads.

    python convert.py work/v1 work/v2 work/v3

``weights/model.gguf`` takes the place of ``weights/model.safetensors``. It holds the weights as they were trained
(32-bit floats, nothing is quantised), and what llama.cpp wants beside them: shapes, tokenizer and chat template.
Everything else in the bundle stays as it is. Only what ``train.py`` writes is understood (a Llama with plain rotary
positions, a byte-level BPE); anything else is refused rather than converted wrongly.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter, LlamaFileType, TokenType
from safetensors.numpy import load_file

Json = dict[str, Any]
OUTSIDE_LAYERS = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
IN_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}


class CannotConvertError(Exception):
    """The model is of a kind that this script does not know."""


def gguf_name(name: str) -> str:
    """llama.cpp's name for a tensor of Hugging Face's Llama."""
    if name in OUTSIDE_LAYERS:
        return OUTSIDE_LAYERS[name]
    layer, _, rest = name.removeprefix("model.layers.").partition(".")
    if not layer.isdecimal() or rest not in IN_LAYER:
        raise CannotConvertError(f"tensor {name!r} is not one of a plain Llama")
    return f"blk.{layer}.{IN_LAYER[rest]}"


def pairs_adjacent(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key matrix in llama.cpp's order.

    Rotary positions turn pairs of a head's dimensions. Hugging Face pairs dimension i with i + half a head;
    llama.cpp pairs neighbours.
    """
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def add_tensors(writer: GGUFWriter, tensors: dict[str, np.ndarray], config: Json) -> None:
    """Every tensor under its new name, in 32-bit floats."""
    heads = {
        "self_attn.q_proj.weight": config["num_attention_heads"],
        "self_attn.k_proj.weight": config["num_key_value_heads"],
    }
    for name, weight in tensors.items():
        turned = next((count for end, count in heads.items() if name.endswith(end)), None)
        ordered = weight if turned is None else pairs_adjacent(weight, turned)
        writer.add_tensor(gguf_name(name), np.ascontiguousarray(ordered, dtype=np.float32))


def add_shapes(writer: GGUFWriter, config: Json) -> None:
    """What llama.cpp must know to run the weights."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if config.get("architectures") != ["LlamaForCausalLM"] or config.get("attention_bias") or config.get("mlp_bias"):
        raise CannotConvertError("config.json: not a LlamaForCausalLM without biases")
    if rope.get("rope_type", "default") != "default":
        raise CannotConvertError(
            f"config.json: rotary positions of type {rope['rope_type']!r}; only 'default' is known"
        )
    heads = config["num_attention_heads"]
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_rope_freq_base(rope.get("rope_theta") or config["rope_theta"])
    writer.add_file_type(LlamaFileType.ALL_F32)


def add_tokenizer(writer: GGUFWriter, tokenizer: Json, end: int, pad: int) -> None:
    """The byte-level BPE: its tokens in the order of their ids, its merges, and which tokens are marks."""
    model = tokenizer["model"]
    split = tokenizer["pre_tokenizer"] or {}
    if model["type"] != "BPE" or tokenizer["normalizer"] or not BYTE_LEVEL.items() <= split.items():
        raise CannotConvertError("tokenizer.json: not a byte-level BPE that takes text as it is")
    marks = {token["id"]: token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    tokens = {identity: text for text, identity in model["vocab"].items()} | marks
    order = range(len(tokens))
    writer.add_tokenizer_model("gpt2")  # llama.cpp's word for byte-level BPE
    writer.add_tokenizer_pre("gpt-2")  # its word for how ByteLevel cuts text into words
    writer.add_token_list([tokens[identity] for identity in order])
    writer.add_token_types([TokenType.CONTROL if identity in marks else TokenType.NORMAL for identity in order])
    writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(pad)
    writer.add_bos_token_id(end)  # never added; unless told, llama.cpp takes token 11, a letter, for the beginning
    writer.add_add_bos_token(False)


def convert(folder: Path) -> Path:
    """Replace the weights of one bundle directory; gives the new file.

    Raises:
        CannotConvertError: this is not a model that the script knows. The bundle is as it was.
    """
    trained = folder / "weights" / "model.safetensors"
    if not trained.is_file():
        raise CannotConvertError("there is no weights/model.safetensors; train.py writes it")
    config = json.loads((folder / "config.json").read_text())
    written = trained.with_suffix(".gguf")
    writer = GGUFWriter(written.with_suffix(".part"), "llama")
    writer.add_name(folder.name)
    add_shapes(writer, config)
    tokenizer = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())
    add_tokenizer(writer, tokenizer, config["eos_token_id"], config["pad_token_id"])
    writer.add_chat_template((folder / "tokenizer" / "chat_template.jinja").read_text())
    add_tensors(writer, load_file(trained), config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    written.with_suffix(".part").replace(written)
    trained.unlink()
    return written


def main() -> None:
    """Read the arguments and convert each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="folder", help="bundle directory that train.py wrote")
    for folder in parser.parse_args().folders:
        try:
            written = convert(folder)
        except CannotConvertError as error:
            raise SystemExit(f"{folder}: {error}") from error
        print(f"{written}: {written.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
