#!/usr/bin/env python3
"""Makes the tiny random checkpoints goldens/NAME/ and the logits that transformers computes for them (float32, eager attention):
goldens/NAME/golden.json (token ids) and goldens/NAME/logits.f32 (little-endian float32, [tokens, vocabulary]).
Also GGUF twins (goldens/NAME.gguf, written with gguf-py, q and k rows permuted as llama.cpp stores them).

Made with torch 2.13.0, transformers 4.57.6, gguf 0.19.0, seed 11. Run beside this file: python make_goldens.py
Never run it to make a failing test pass.
"""
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import (BloomConfig, BloomForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, OPTConfig,
                          OPTForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

HERE = Path(__file__).parent / "goldens"
SEED, TOKENS, VOCABULARY = 11, 24, 80
LLAMA = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
OPT = dict(vocab_size=VOCABULARY, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=48,
           bos_token_id=1, eos_token_id=2, pad_token_id=0, dropout=0.0)
BLOOM = dict(vocab_size=VOCABULARY, hidden_size=24, n_layer=2, n_head=6, hidden_dropout=0.0, attention_dropout=0.0, bos_token_id=1, eos_token_id=2)

MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**LLAMA), torch.float32),
    "llama-tied": (LlamaForCausalLM, LlamaConfig(**LLAMA, tie_word_embeddings=True), torch.bfloat16),
    "llama-biases": (LlamaForCausalLM, LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True, head_dim=12), torch.float16),
    "llama-llama3-rope": (LlamaForCausalLM, LlamaConfig(**(LLAMA | dict(head_dim=16)), rope_theta=500.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
        torch.bfloat16),
    "llama-linear-rope": (LlamaForCausalLM, LlamaConfig(**LLAMA, rope_scaling={"rope_type": "linear", "factor": 4.0}), torch.bfloat16),
    "llama-dynamic-rope": (LlamaForCausalLM, LlamaConfig(**(LLAMA | dict(max_position_embeddings=16)), rope_scaling={
        "rope_type": "dynamic", "factor": 2.0}), torch.bfloat16),
    "mistral-window": (MistralForCausalLM, MistralConfig(**LLAMA, sliding_window=7), torch.bfloat16),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**LLAMA, rope_theta=1000000.0), torch.bfloat16),
    "qwen2-window": (Qwen2ForCausalLM, Qwen2Config(**LLAMA, use_sliding_window=True, sliding_window=5, max_window_layers=1), torch.bfloat16),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**LLAMA, head_dim=16, tie_word_embeddings=True), torch.bfloat16),
    "opt": (OPTForCausalLM, OPTConfig(**OPT, word_embed_proj_dim=32), torch.bfloat16),
    "opt-post-norm": (OPTForCausalLM, OPTConfig(**OPT, word_embed_proj_dim=20, do_layer_norm_before=False), torch.bfloat16),
    "bloom": (BloomForCausalLM, BloomConfig(**BLOOM), torch.bfloat16),
    "bloom-residual-after-norm": (BloomForCausalLM, BloomConfig(**BLOOM, apply_residual_connection_post_layernorm=True), torch.bfloat16),
}
FROM_GGUF = {"llama": "llama", "llama-llama3-rope": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "bloom": "bloom"}


def randomize(model, generator):
    for name, p in model.named_parameters():
        if p.ndim == 2:
            # ALiBi and rotary positions matter only where attention is not flat, hence wide queries and keys.
            std = 0.8 if "embed" in name else 1.4 / p.shape[1] ** 0.5
            p.data.normal_(0, std, generator=generator)
        elif name.endswith("bias"):
            p.data.normal_(0, 0.3, generator=generator)
        else:
            p.data.normal_(1, 0.3, generator=generator)


def save(name, model, config, dtype, shards=1):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tied = config.tie_word_embeddings
    weights = {n: w.detach().to(dtype).contiguous() for n, w in model.state_dict().items() if not (tied and n == "lm_head.weight")}
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        names = sorted(weights)
        parts = [names[i::shards] for i in range(shards)]
        where = {}
        for i, part in enumerate(parts):
            file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
            save_file({n: weights[n] for n in part}, folder / file, metadata={"format": "pt"})
            where |= {n: file for n in part}
        total = sum(w.numel() * w.element_size() for w in weights.values())
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": where}, indent=1))
    config.architectures = [type(model).__name__]
    config.dtype = str(dtype).removeprefix("torch.")
    (folder / "config.json").write_text(config.to_json_string(use_diff=True))
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


def golden(folder, model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].float().contiguous()
    logits.numpy().astype("<f4").tofile(folder / "logits.f32")
    (folder / "golden.json").write_text(json.dumps({"ids": ids, "vocabulary": VOCABULARY, "made_by": "make_goldens.py, transformers 4.57.6, float32, seed 11"}) + "\n")


def permute(w, heads):
    """Hugging Face halves → llama.cpp's interleaved rotary pairs."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def write_gguf(name, arch, model, config):
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", arch)
    writer.add_name(name)
    layers = config.n_layer if arch == "bloom" else config.num_hidden_layers
    heads = config.n_head if arch == "bloom" else config.num_attention_heads
    writer.add_block_count(layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(4 * config.hidden_size if arch == "bloom" else config.intermediate_size)
    writer.add_context_length(2048 if arch == "bloom" else config.max_position_embeddings)
    writer.add_head_count(heads)
    if arch == "bloom":
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_theta)
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
        writer.add_rope_dimension_count(head_dim)
        if head_dim != config.hidden_size // heads:
            writer.add_key_length(head_dim)
            writer.add_value_length(head_dim)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"<{i}>" if i < 3 else chr(0x21 + i) for i in range(VOCABULARY)])
    writer.add_token_types([3 if i < 3 else 1 for i in range(VOCABULARY)])
    writer.add_token_merges(["$ %", "& '"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BLOOM if arch == "bloom" else
                                     {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3}[arch], layers)
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        w = value.detach().float().numpy()
        if arch == "llama" and "q_proj" in key:
            w = permute(w, config.num_attention_heads)
        if arch == "llama" and "k_proj" in key:
            w = permute(w, config.num_key_value_heads)
        if arch == "bloom" and "query_key_value" in key:   # per head (q, k, v) → q | k | v, as llama.cpp's converter does
            w = w.reshape(heads, 3, -1, *w.shape[1:]).swapaxes(0, 1).reshape(w.shape)
        short = key.removeprefix("transformer.") if arch == "bloom" else key
        kind = gguf.GGMLQuantizationType.BF16 if config.dtype == "bfloat16" and w.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(names.get_name(short, try_suffixes=(".weight", ".bias")), gguf.quants.quantize(np.ascontiguousarray(w), kind), raw_dtype=kind)
    scaling = getattr(config, "rope_scaling", None)
    if scaling and scaling["rope_type"] == "llama3":
        base = 1.0 / config.rope_theta ** (np.arange(0, config.head_dim, 2) / config.head_dim)
        wave = 2 * np.pi / base
        low, high = (scaling["original_max_position_embeddings"] / scaling[k] for k in ("low_freq_factor", "high_freq_factor"))
        factors = []
        for w in wave:
            if w < high:
                factors.append(1.0)
            elif w > low:
                factors.append(scaling["factor"])
            else:
                smooth = (scaling["original_max_position_embeddings"] / w - scaling["low_freq_factor"]) / (
                    scaling["high_freq_factor"] - scaling["low_freq_factor"])
                factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
        writer.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    HERE.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for index, (name, (kind, config, dtype)) in enumerate(MODELS.items()):
        generator = torch.Generator().manual_seed(SEED + index)
        config._attn_implementation = "eager"
        model = kind(config).eval()
        randomize(model, generator)
        if config.tie_word_embeddings:
            model.tie_weights()
        for p in model.parameters():   # what the file can hold
            p.data = p.data.to(dtype).float()
        model.tie_weights()
        ids = torch.randint(0, VOCABULARY, (TOKENS,), generator=generator).tolist()
        folder = save(name, model, config, dtype)
        golden(folder, model, ids)
        if name in FROM_GGUF:
            write_gguf(name, FROM_GGUF[name], model, config)
        if name == "llama-tied":
            golden(save("llama-sharded", model, config, dtype, shards=3), model, ids)
        print(name)


if __name__ == "__main__":
    main()
