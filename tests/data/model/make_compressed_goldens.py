#!/usr/bin/env python3
"""Makes compressed/NAME/: goldens/llama in compressed-tensors' formats, with the logits that transformers computes after loading each
folder (float32): golden.json and logits.f32 as in goldens/.

Made with torch 2.13.0, transformers 5.23.0, compressed-tensors 0.20.0. Run beside this file: python make_compressed_goldens.py
Never run it to make a failing test pass.
"""
import json
import shutil
from pathlib import Path

import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig

HERE = Path(__file__).parent
SOURCE = HERE / "goldens" / "llama"
OUT = HERE / "compressed"


def weights(bits, strategy="group", group=16, symmetric=True):
    return {"num_bits": bits, "type": "int", "symmetric": symmetric, "strategy": strategy, "group_size": group if strategy == "group" else None, "dynamic": False}


TOKEN = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
TOKEN_ASYM = TOKEN | {"symmetric": False}
TENSOR = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "tensor", "dynamic": False}
SCALES = torch.bfloat16


def group(targets, w, inputs=None, form="pack-quantized"):
    return {"targets": targets, "format": form, "weights": w, "input_activations": inputs, "output_activations": None}


CASES = {
    "w4-group": ("pack-quantized", {"group_0": group(["Linear"], weights(4))}, ["lm_head"]),
    "w4-group-asymmetric": ("pack-quantized", {"group_0": group(["Linear"], weights(4, symmetric=False))}, ["lm_head"]),
    "w8a8-token": ("int-quantized", {"group_0": group(["Linear"], weights(8, "channel"), TOKEN, "int-quantized")}, ["lm_head"]),
    "w8a8-token-asymmetric": ("int-quantized", {"group_0": group(["Linear"], weights(8, "channel"), TOKEN_ASYM, "int-quantized")}, ["lm_head"]),
    "w8a8-static": ("int-quantized", {"group_0": group(["Linear"], weights(8, "tensor"), TENSOR, "int-quantized")}, ["lm_head"]),
    "naive": ("naive-quantized", {"group_0": group(["Linear"], weights(8, "channel"), None, "naive-quantized")}, ["lm_head"]),
    "mixed": ("mixed-precision", {
        "group_0": group(["re:.*self_attn.*_proj$"], weights(4), TOKEN),
        "group_1": group(["model.layers.0.mlp.down_proj", "model.layers.1.self_attn.o_proj"], weights(8), None),
        "group_2": group(["re:.*(gate|up)_proj"], weights(3, group=8), None),
        "group_3": group(["model.layers.1.mlp.down_proj"], weights(8, "channel"), TOKEN, "int-quantized"),
        "group_4": group(["re:.*0[.]mlp[.]up_proj"], weights(2, group=8), None),
    }, ["lm_head", "re:.*1.self_attn.v_proj"]),
}


def scheme_of(name, groups, ignore):
    """The same choice as the loader's, for writing; that it is the same shows in the loader accepting the file."""
    import re
    match = lambda t: re.match(t[3:], name) is not None if t.startswith("re:") else t == name
    if any(match(i) for i in ignore):
        return None
    ranked = sorted(((("re:" in t, t), g) for g in groups.values() for t in g["targets"]), key=lambda x: x[0])
    for (_, t), g in ranked:
        if match(t):
            return g
    for g in groups.values():
        if "Linear" in g["targets"]:
            return g
    return None


def quantize(w, args, dtype):
    bits = args["num_bits"]
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    size = args["group_size"] or w.shape[1]
    x = w.reshape(1, 1, -1) if args["strategy"] == "tensor" else w.reshape(w.shape[0], -1, size)
    if args["symmetric"]:
        scale = x.abs().amax(-1, keepdim=True) / ((high - low) / 2)
        scale = scale.to(dtype).float()
        zero = torch.zeros_like(scale)
    else:
        lo, hi = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
        scale = ((hi - lo) / (high - low)).to(dtype).float()
        zero = (low - lo / scale).round().clamp(low, high)
    q = ((x / scale).round() + zero).clamp(low, high).reshape(w.shape).to(torch.int8)
    return q, scale.squeeze(-1), zero.squeeze(-1).to(torch.int8)


def main():
    torch.set_num_threads(1)
    source = load_file(SOURCE / "model.safetensors")
    ids = json.loads((SOURCE / "golden.json").read_text())["ids"]
    float_logits = torch.from_file(str(SOURCE / "logits.f32"), size=len(ids) * 80, dtype=torch.float32).reshape(len(ids), 80)
    for name, (form, groups, ignore) in CASES.items():
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        out = {}
        for key, w in source.items():
            module = key.removesuffix(".weight")
            g = scheme_of(module, groups, ignore) if w.ndim == 2 and module != "model.embed_tokens" else None
            if g is None:
                out[key] = w.to(torch.bfloat16)
                continue
            args = g["weights"]
            dtype = torch.float32 if "group-asymmetric" in name else SCALES
            q, scale, zero = quantize(w, args, dtype)
            if args["strategy"] == "tensor":
                scale, zero = scale.reshape(1), zero.reshape(1)
            out[module + ".weight_scale"] = scale.to(dtype).contiguous()
            if g["format"] == "pack-quantized":
                out[module + ".weight_packed"] = pack_to_int32(q, args["num_bits"]).contiguous()
                out[module + ".weight_shape"] = torch.tensor(w.shape)
                if not args["symmetric"]:
                    out[module + ".weight_zero_point"] = pack_to_int32(zero, args["num_bits"], packed_dim=0).contiguous()
            else:
                out[module + ".weight"] = q.contiguous()
                if not args["symmetric"]:
                    out[module + ".weight_zero_point"] = zero
            if g["input_activations"] and not g["input_activations"]["dynamic"]:
                out[module + ".input_scale"] = torch.tensor([0.031], dtype=torch.float32)
        save_file(out, folder / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((SOURCE / "config.json").read_text())
        config["quantization_config"] = {"quant_method": "compressed-tensors", "format": form, "quantization_status": "compressed", "ignore": ignore,
                                         "kv_cache_scheme": None, "config_groups": groups}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        (folder / "model.safetensors").chmod(0o644)
        # transformers 5.23 refuses asymmetric packed files unless it dequantizes them at once, which it does in the dtype of the scales.
        extra = {"quantization_config": CompressedTensorsConfig(dequantize=True)} if "group-asymmetric" in name else {}
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **extra).eval()
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].float().contiguous()
        logits.numpy().astype("<f4").tofile(folder / "logits.f32")
        (folder / "golden.json").write_text(json.dumps({
            "ids": ids, "vocabulary": 80, "made_by": "make_compressed_goldens.py, transformers 5.23.0, compressed-tensors 0.20.0, float32"}) + "\n")
        print(name, "difference to float:", (logits - float_logits).abs().max().item(), "range", (float_logits.max() - float_logits.min()).item())


if __name__ == "__main__":
    main()
