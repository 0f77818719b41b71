"""Write two tiny models of random weights for llama-server; run by `build_llama.py`.

    python make_model.py PLAIN CALLING

They say nothing sensible and are the same every time for one Python: a llama of two layers,
64 wide, whose vocabulary was trained on the standard library's own files. One dimension of
every embedding is a constant, so that a column of the output matrix is a bias for each token:
that keeps the words printable and the answers short. The second model likes to call tools, about
every other answer (`/v1/messages` takes no bias from a request).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

WIDTH, HEADS, LAYERS, INNER, CONTEXT = 64, 4, 2, 128, 16_384
TRAINED = 1_024
UNKNOWN, BEGIN, END = "<unk>", "<|im_start|>", "<|im_end|>"
MARKS = ("<tool_call>", "</tool_call>", "<think>", "</think>")
# Whole words outside ASCII: cut anywhere, a reader must put their bytes together again.
WORDS = ("été", "Ωmega", "東京", "🙂ok")
CONSTANT = 4.0
BANNED = -10.0
# Past the weights that follow, some 3.6 times these are added to a token's logit.
BIAS_END, BIAS_CALL, BIAS_CALL_END, BIAS_WORD = 1.35, 1.25, 0.8, 0.9


def vocabulary() -> tuple[list[str], list[str]]:
    """Return the tokens in order of their ids, and the merges that make them."""
    tokenizer = tokenizers.Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TRAINED,
        special_tokens=[UNKNOWN, BEGIN, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    library = Path(os.__file__).parent
    names = ("argparse", "asyncio/tasks", "datetime", "inspect", "pydoc", "statistics", "turtle")
    tokenizer.train([str(library / f"{name}.py") for name in names], trainer)
    made: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    ids: dict[str, int] = made["vocab"]
    merges = [each if isinstance(each, str) else " ".join(each) for each in made["merges"]]
    return sorted(ids, key=ids.__getitem__), merges


def write(path: Path, *, calls_tools: bool) -> None:
    """Write one model."""
    trained, merges = vocabulary()
    size = len(trained)
    tokens = [*trained, *MARKS, *WORDS]
    kinds = [
        gguf.TokenType.CONTROL if token in (UNKNOWN, BEGIN, END) else gguf.TokenType.NORMAL
        for token in trained
    ]
    kinds += [gguf.TokenType.USER_DEFINED] * (len(tokens) - size)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny random llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    template = Path(__file__).with_name("chat.jinja").read_text(encoding="utf-8")
    writer.add_chat_template(template)
    for name, values in _weights(tokens, calls_tools=calls_tools).items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _weights(tokens: list[str], *, calls_tools: bool) -> dict[str, Any]:
    chance = np.random.default_rng(20_260)

    def random(*shape: int, spread: float) -> Any:
        return chance.normal(0.0, spread, shape)

    embedding = random(len(tokens), WIDTH, spread=1.0)
    embedding[:, 0] = CONSTANT
    output = random(len(tokens), WIDTH, spread=0.12)
    output[:, 0] = [_bias(token, calls_tools=calls_tools) for token in tokens]
    found = {
        "token_embd.weight": embedding,
        "output_norm.weight": np.ones(WIDTH),
        "output.weight": output,
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v"):
            found[f"{block}.{name}.weight"] = random(WIDTH, WIDTH, spread=0.15)
        found[f"{block}.attn_output.weight"] = random(WIDTH, WIDTH, spread=0.15)
        found[f"{block}.ffn_gate.weight"] = random(INNER, WIDTH, spread=0.15)
        found[f"{block}.ffn_up.weight"] = random(INNER, WIDTH, spread=0.15)
        found[f"{block}.ffn_down.weight"] = random(WIDTH, INNER, spread=0.15)
        # The constant stays what it is through every layer.
        found[f"{block}.attn_output.weight"][0] = 0.0
        found[f"{block}.ffn_down.weight"][0] = 0.0
        found[f"{block}.attn_norm.weight"] = np.ones(WIDTH)
        found[f"{block}.ffn_norm.weight"] = np.ones(WIDTH)
    return found


def _bias(token: str, *, calls_tools: bool) -> float:
    if token == END:
        return BIAS_END
    if token in MARKS[:2] and calls_tools:
        return BIAS_CALL if token == MARKS[0] else BIAS_CALL_END
    if token in (*MARKS, UNKNOWN, BEGIN):
        return BANNED
    if token in WORDS:
        return BIAS_WORD
    words = _as_text(token)
    return 0.0 if words.strip() and words.isprintable() else BANNED


def _byte_letters() -> dict[int, str]:
    """Return the letter that stands for each byte in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain}
    return letters | {byte: chr(256 + place) for place, byte in enumerate(others)}


_LETTERS = _byte_letters()
_BYTES = {letter: byte for byte, letter in _LETTERS.items()}


def _as_text(token: str) -> str:
    """Return what a token says, or "" if it is no whole character."""
    if any(letter not in _BYTES for letter in token):
        return ""
    try:
        return bytes(_BYTES[letter] for letter in token).decode()
    except UnicodeDecodeError:
        return ""


if __name__ == "__main__":
    plain, calling = map(Path, sys.argv[1:])
    write(plain, calls_tools=False)
    write(calling, calls_tools=True)
