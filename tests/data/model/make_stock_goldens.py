#!/usr/bin/env python3
"""What the stock loader makes of configs and tensors that are out of the ordinary: the weights of a golden of make_goldens.py with another config,
opened by transformers (float32, eager attention). stock/NAME.json holds the changes of config.json (null: taken out), the token ids and the logits of
the last tokens; stock/llama-biases.gguf is a GGUF twin of goldens/llama-biases, written with gguf-py.

Made with torch 2.13.0, transformers 5.23.0, gguf 0.19.0, seed 23. Run beside this file: python make_stock_goldens.py
Never run it to make a failing test pass.
"""
import json
import shutil
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
SEED, TOKENS, KEPT = 23, 40, 3
BASE = "llama-llama3-rope"   # head_dim 16, theta 500
OLD = {"rope_theta": 500.0}
FACTORS = [1.0, 1.1, 1.3, 1.9, 2.5, 3.0, 3.5, 4.0]
LONG = [1.0, 1.5, 2.5, 4.0, 6.0, 8.0, 9.0, 10.0]


def scaled(**scaling):
    return OLD | {"rope_scaling": scaling}


def within(**parameters):
    return {"rope_theta": None, "rope_scaling": None, "rope_parameters": {"rope_theta": 500.0} | parameters}


YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
CASES = {
    "yarn": (BASE, scaled(**YARN)),
    "yarn-old-name": (BASE, scaled(type="yarn", factor=4.0, original_max_position_embeddings=32, finetuned=True)),
    "yarn-parameters": (BASE, within(**YARN)),
    "yarn-attention-factor": (BASE, scaled(**YARN, attention_factor=0.7)),
    "yarn-betas": (BASE, scaled(**YARN, beta_fast=6, beta_slow=2)),
    "yarn-mscale": (BASE, scaled(**YARN, mscale=0.6, mscale_all_dim=1.4)),
    "yarn-mscale-alone": (BASE, scaled(**YARN, mscale=0.6)),
    "yarn-not-truncated": (BASE, scaled(**YARN, truncate=False)),
    "yarn-factor-by-positions": (BASE, scaled(rope_type="yarn", factor=None, original_max_position_embeddings=16) | {"max_position_embeddings": 128}),
    "yarn-original-outside": (BASE, scaled(**YARN) | {"original_max_position_embeddings": 20}),
    "yarn-without-original": (BASE, scaled(rope_type="yarn", factor=2.0)),
    "yarn-in-qwen2": ("qwen2", {"rope_theta": 10000.0, "rope_scaling": YARN}),
    "longrope-short": (BASE, scaled(rope_type="longrope", short_factor=FACTORS, long_factor=LONG, factor=3.0, original_max_position_embeddings=48)),
    "longrope-long": (BASE, scaled(rope_type="longrope", short_factor=FACTORS, long_factor=LONG, original_max_position_embeddings=32) | {"max_position_embeddings": 128}),
    "longrope-attention-factor": (BASE, scaled(rope_type="longrope", short_factor=FACTORS, long_factor=LONG, attention_factor=0.8, original_max_position_embeddings=32)),
    "linear-parameters": (BASE, within(rope_type="linear", factor=3.0)),
    "dynamic-within": (BASE, scaled(rope_type="dynamic", factor=2.0)),
    "dynamic-beyond": (BASE, scaled(rope_type="dynamic", factor=2.0) | {"max_position_embeddings": 24}),
    "theta-inside": (BASE, {"rope_theta": 500.0, "rope_scaling": {"rope_type": "default", "rope_theta": 9000.0}}),
    "scaling-before-parameters": (BASE, OLD | {"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 77.0}}),
    "llama3-original-outside": (BASE, {"original_max_position_embeddings": 256}),
    "mistral-window-absent": ("mistral-window", {"sliding_window": None}),
    "layer-types-that-say-nothing": ("qwen2", {"layer_types": ["full_attention"] * 2}),
    "llama-with-layer-types": (BASE, {"layer_types": ["full_attention"] * 2}),
    "llama-with-a-window": (BASE, {"sliding_window": 5}),
    "qwen2-without-window": ("qwen2-window", {"sliding_window": "null", "layer_types": None}),
}


def changed(base, changes, folder):
    for file in (HERE / "goldens" / base).iterdir():
        if file.name in ("config.json", "model.safetensors"):
            shutil.copy(file, folder)
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = None if value == "null" else value
    (folder / "config.json").write_text(json.dumps(config))


def golden(index, name, base, changes):
    generator = torch.Generator().manual_seed(SEED + index)
    with tempfile.TemporaryDirectory() as folder:
        changed(base, changes, Path(folder))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        ids = torch.randint(0, model.config.vocab_size, (TOKENS,), generator=generator)
        with torch.no_grad():
            logits = model(ids[None]).logits[0, -KEPT:]
    made_by = "make_stock_goldens.py, transformers 5.23.0, float32, seed 23"
    text = {"base": base, "config": changes, "ids": ids.tolist(), "logits": [[float(f"{x:.8g}") for x in row] for row in logits.tolist()], "made_by": made_by}
    (HERE / "stock" / f"{name}.json").write_text(json.dumps(text) + "\n")


def biases():
    config = json.loads((HERE / "goldens" / "llama-biases" / "config.json").read_text())
    writer = gguf.GGUFWriter(HERE / "stock" / "llama-biases.gguf", "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, value in load_file(HERE / "goldens" / "llama-biases" / "model.safetensors").items():
        w = value.float().numpy()
        heads = config["num_attention_heads"] if "q_proj" in name else config["num_key_value_heads"] if "k_proj" in name else 0
        if heads:   # Hugging Face halves → interleaved pairs
            w = w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)
        w = np.ascontiguousarray(w)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), w.astype(np.float16) if w.ndim == 2 else w)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    torch.set_num_threads(1)
    (HERE / "stock").mkdir(exist_ok=True)
    for index, (name, (base, changes)) in enumerate(CASES.items()):
        golden(index, name, base, changes)
        print(name)
    biases()


if __name__ == "__main__":
    main()
