#!/usr/bin/env python3
"""Makes a small BLOOM of many blocks with real safetensors, for pictures of deep models and long names.

    tests/gallery/make_model.py FOLDER [--blocks 126] [--hidden 48]

Its weights are random (seeded), its norms have a few channels that grow with depth, so that there is something to see. Nothing but the standard library.
"""
import argparse
import array
import json
import os
import random
import shutil
import struct

TOKENIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "model", "tiny-llama")
VOCABULARY = 512


def make(folder, blocks, hidden):
    rng = random.Random(11)
    os.makedirs(folder, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(os.path.join(TOKENIZER, name), os.path.join(folder, name))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"architectures": ["BloomForCausalLM"], "model_type": "bloom", "vocab_size": VOCABULARY, "hidden_size": hidden, "n_layer": blocks, "n_head": 4,
                   "layer_norm_epsilon": 1e-5, "seq_length": 512, "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "float32"}, file, indent=2)

    tensors = {}

    def matrix(name, rows, columns, scale):
        tensors[name] = ([rows, columns], array.array("f", (rng.gauss(0, scale) for _ in range(rows * columns))))

    def vector(name, values):
        tensors[name] = ([len(values)], array.array("f", values))

    def norm(name, loud):
        weights = [1 + rng.gauss(0, 0.1) for _ in range(hidden)]
        for channel, gain in loud.items():
            weights[channel] = gain
        vector(name + ".weight", weights)
        vector(name + ".bias", [rng.gauss(0, 0.02) for _ in range(hidden)])

    matrix("transformer.word_embeddings.weight", VOCABULARY, hidden, 0.5)
    norm("transformer.word_embeddings_layernorm", {})
    scale = 0.6 / (hidden ** 0.5)
    for block in range(blocks):
        prefix = f"transformer.h.{block}."
        depth = block / max(1, blocks - 1)
        norm(prefix + "input_layernorm", {7 % hidden: 4 + 36 * depth, 31 % hidden: 9})
        norm(prefix + "post_attention_layernorm", {7 % hidden: 3 + 22 * depth * depth, 20 % hidden: 6})
        for name, rows, columns in (("self_attention.query_key_value", 3 * hidden, hidden), ("self_attention.dense", hidden, hidden),
                                    ("mlp.dense_h_to_4h", 4 * hidden, hidden), ("mlp.dense_4h_to_h", hidden, 4 * hidden)):
            matrix(prefix + name + ".weight", rows, columns, scale / (blocks ** 0.5) if name.endswith(("dense", "4h_to_h")) else scale)
            vector(prefix + name + ".bias", [0.0] * rows)
    norm("transformer.ln_f", {})

    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, values) in tensors.items():
        size = 4 * len(values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            values.tofile(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--blocks", type=int, default=126)
    parser.add_argument("--hidden", type=int, default=48, help="a multiple of 4")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.blocks, arguments.hidden)
