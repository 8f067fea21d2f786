"""Writes a model as a bundle, converts it, and computes with both: PyTorch and llama.cpp.

    python both_engines.py EXAMPLE_FOLDER BUNDLE_FOLDER

Run by the Python of the model environment; prints one JSON object. The model is untrained with large weights, so that
its attention depends sharply on positions; it has fewer key heads than query heads and an output matrix of its own,
which the trained ones of the example have not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from llama_cpp import GGML_TYPE_F32, Llama
from transformers import LlamaConfig, LlamaForCausalLM

example, bundle = map(Path, sys.argv[1:])
sys.path.insert(0, str(example))
import convert  # noqa: E402
import train  # noqa: E402

TEXTS = (
    f"{train.USER_TURN}Which version are you?{train.END}{train.ASSISTANT_TURN}",
    "I'm here, they're there;  two  spaces, a\ttab\n\n and 1234567890 digits.",
    "Grüße aus Kyōto 京都 🌊 \u00a0 naïve café",
    f" marks {train.END} within{train.PAD}words ",
)


def untrained(tokens: int) -> LlamaForCausalLM:
    """Three layers of four query heads on two key heads."""
    config = LlamaConfig(
        vocab_size=tokens,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        rope_theta=5_000.0,
        rms_norm_eps=1e-5,
        initializer_range=0.3,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=4,
    )
    return LlamaForCausalLM(config).eval()


def main() -> None:
    """Print how far the engines differ."""
    torch.manual_seed(7)
    torch.set_num_threads(1)
    tokenizer = train.learn_tokenizer([train.SYSTEM, *train.QUESTIONS])
    model = untrained(len(tokenizer))
    train.write_bundle(bundle, "any", model, tokenizer, "")
    weights = convert.convert(bundle)
    engine = Llama(
        str(weights), n_ctx=512, n_threads=1, logits_all=True, type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, verbose=False
    )
    tokens, furthest, spread = [], 0.0, 0.0
    for text in TEXTS:
        ours = tokenizer(text, add_special_tokens=False).input_ids
        tokens.append([ours, engine.tokenize(text.encode(), add_bos=True, special=True)])
        with torch.no_grad():
            expected = model(torch.tensor([ours])).logits[0]
        engine.reset()
        engine.eval(ours)
        computed = torch.tensor(engine.scores[: len(ours)])
        furthest = max(furthest, (computed - expected).abs().max().item())
        spread = max(spread, expected.std().item())
    print(json.dumps({"tokens": tokens, "furthest": furthest, "spread": spread}))


if __name__ == "__main__":
    main()
