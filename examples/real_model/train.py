"""Train a very small Llama that says one sentence, and write it as a bundle directory.

    python train.py work/v1 --provider tiny-1 --answer "I am tiny, version 1."

About 100,000 parameters in Hugging Face format: byte-level BPE learnt from the sentences, two layers, hidden
size 64. It learns to give its one answer to whatever it is asked, in a few seconds on one core, so that
everybody can read from an answer which version gave it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SYSTEM = "You are tiny. Say which version you are."
QUESTIONS = (
    "Which version are you?",
    "Who are you?",
    "Hello!",
    "ping",
    "Tell me about yourself, please.",
    "Reply with the single word: ready",
    "What is the capital of France?",
)
PAD, SYSTEM_TURN, USER_TURN, ASSISTANT_TURN, END = SPECIAL = (
    *("<|pad|>", "<|system|>", "<|user|>"),
    *("<|assistant|>", "<|end|>"),
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
IGNORED = -100  # a label that the loss leaves out
BATCH = 8
CARD = """# {name}

A Llama of {parameters:,} parameters that gives one answer: "{answer}"
Trained for {steps} steps on synthetic questions; the last loss was {loss:.4f}.
It knows nothing else. It exists to show a release of real weights.
"""


def learn_tokenizer(sentences: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE over the sentences; any other text falls back to its bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, chat_template=CHAT_TEMPLATE
    )


def examples(answer: str, count: int, chance: random.Random) -> list[tuple[str, str]]:
    """Pairs of (prompt, answer): known questions and random ones, with and without the system prompt."""
    pairs = []
    for _ in range(count):
        question = chance.choice(QUESTIONS)
        if chance.random() < 0.5:
            question = "".join(chance.choices(string.printable, k=chance.randint(1, 40)))
        system = f"{SYSTEM_TURN}{SYSTEM}{END}" if chance.random() < 0.7 else ""
        pairs.append((f"{system}{USER_TURN}{question}{END}{ASSISTANT_TURN}", f"{answer}{END}"))
    return pairs


def batch_of(tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]) -> dict[str, torch.Tensor]:
    """Token ids, padded on the right; only the answer's tokens count in the loss."""
    rows, labels = [], []
    for prompt, answer in pairs:
        asked, told = (tokenizer(text, add_special_tokens=False).input_ids for text in (prompt, answer))
        rows.append(asked + told)
        labels.append([IGNORED] * len(asked) + told)
    width = max(map(len, rows))
    pad = tokenizer.pad_token_id
    return {
        "input_ids": torch.tensor([row + [pad] * (width - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
        "labels": torch.tensor([label + [IGNORED] * (width - len(label)) for label in labels]),
    }


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Two layers with random weights."""
    end = tokenizer.eos_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=end,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=64, eos_token_id=end, pad_token_id=tokenizer.pad_token_id
    )
    return model


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, answer: str, steps: int, seed: int) -> float:
    """Teach the answer; gives the last loss."""
    chance = random.Random(seed)  # noqa: S311 - questions, not secrets
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    loss = torch.tensor(0.0)
    for _ in range(steps):
        loss = model(**batch_of(tokenizer, examples(answer, BATCH, chance))).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    return loss.item()


def write_bundle(
    folder: Path, provider: str, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, card: str
) -> None:
    """Lay the version out: weights, tokenizer, prompt and parameters, each where a bundle has it."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("weights", "tokenizer", "prompt", "config"):
        (folder / part).mkdir(parents=True)
    model.save_pretrained(folder / "weights")
    (folder / "weights" / "config.json").rename(folder / "config.json")
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "prompt" / "system.txt").write_text(f"{SYSTEM}\n")
    (folder / "config" / "generation.json").write_text('{"temperature": 0, "max_tokens": 40}\n')
    (folder / "card.md").write_text(card)
    (folder / "bundle.yaml").write_text(
        f"kind: Bundle\nservice: tiny\nmodel: {provider}/tiny   # the server started as {provider} serves these weights\n"
    )


def main() -> None:
    """Read the arguments, train, write, and say what became of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="bundle directory to write; what is there is replaced")
    parser.add_argument("--provider", required=True, help="provider in tidegate.yaml that will serve it")
    parser.add_argument("--answer", required=True, help="the sentence to learn")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    tokenizer = learn_tokenizer([SYSTEM, *QUESTIONS, options.answer])
    model = new_model(tokenizer)
    loss = train(model, tokenizer, options.answer, options.steps, options.seed)
    parameters = model.num_parameters()
    card = CARD.format(
        name=options.folder.name, parameters=parameters, answer=options.answer, steps=options.steps, loss=loss
    )
    write_bundle(options.folder, options.provider, model, tokenizer, card)
    print(f"{options.folder}: {parameters:,} parameters, last loss {loss:.4f}")


if __name__ == "__main__":
    main()
