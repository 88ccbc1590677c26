#!/usr/bin/env python3
"""One interop case: what Halftone writes is read by the stock libraries, what they write is read by Halftone.

    interop.py CASE --cli halftone-cli --data tests/data/model --work FOLDER [--python INTEROP_PYTHON]

Exit 0: agreed; 1: not, with the figures; 77: the libraries are not here (ctest calls that skipped).
"""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1", TOKENIZERS_PARALLELISM="false")
os.environ.setdefault("OMP_NUM_THREADS", "2")
WINDOWS, LENGTH = 32, 64
EXACT = 1e-4      # relative, of a perplexity: the same numbers, summed in another order
FLIPPED = 5e-4    # where activations are rounded too: another order of sums (the stock runtime takes all windows at once) flips some roundings
BF16 = 0.005


class Disagreement(Exception):
    pass


def demand(condition, sentence):
    if not condition:
        raise Disagreement(sentence)


def close(ours, theirs, tolerance, what):
    demand(abs(ours - theirs) <= tolerance * abs(theirs), f"{what}: Halftone {ours:.6f}, stock {theirs:.6f}, more than {100 * tolerance:g} % apart")
    print(f"{what}: Halftone {ours:.6f}, stock {theirs:.6f}")


class Case:
    def __init__(self, args):
        self.cli_path, self.data, self.work = args.cli, args.data, args.work
        self.model = os.path.join(self.data, "tiny-llama")
        self.text = os.path.join(self.data, "tiny-text.txt")
        self.project = os.path.join(self.work, "case.halftone")
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)

    def cli(self, *arguments):
        done = subprocess.run([self.cli_path, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        demand(done.returncode == 0, f"halftone-cli {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def quantize(self, defaults, rules=(), **more):
        recipe = {"halftone_recipe": 1, "calibration": {"samples": 32, "length": LENGTH, "seed": 0}, "defaults": defaults, "rules": list(rules), **more}
        path = os.path.join(self.work, "recipe.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(recipe, file)
        return self.cli("quantize", self.model, "--recipe", path, "--text", self.text, "--project", self.project)

    def export(self, fmt, *more):
        out = os.path.join(self.work, "-".join([fmt, *[m.lstrip("-") for m in more]]))
        result = self.cli("export", self.project, "--format", fmt, "--out", out, *more)
        for name in result["files"]:
            demand(os.path.isfile(os.path.join(out, os.path.basename(name))), f"export says it wrote {name}, which is not there")
        return out

    def perplexity(self, target):
        return self.cli("evaluate", target, "--text", self.text, "--windows", str(WINDOWS), "--length", str(LENGTH))["perplexity"]

    def ids(self, model):
        return self.cli("tokenize", model, "--text", self.text, "--no-special")["ids"]


def windows_of(folder, case):
    """Token windows by the tokenizer that travelled with a checkpoint; it must agree with ours."""
    import torch
    from transformers import AutoTokenizer
    with open(case.text, encoding="utf-8", newline="") as file:
        ids = AutoTokenizer.from_pretrained(folder, local_files_only=True)(file.read(), add_special_tokens=False)["input_ids"]
    demand(ids == case.ids(case.model), f"the tokenizer in {folder} gives other ids than halftone-cli tokenize")
    return torch.tensor(ids[:WINDOWS * LENGTH]).view(WINDOWS, LENGTH)


def stock_model(folder, **more):
    import torch
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", local_files_only=True, **more).eval()


def stock_perplexity(model, windows):
    import torch
    with torch.no_grad():
        logits = model(input_ids=windows, use_cache=False).logits.double()
    return math.exp(torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), windows[:, 1:].reshape(-1)).item())


def tensors_of(folder):
    """Every tensor, by the safetensors library: it also checks the header, offsets and sizes."""
    from safetensors import safe_open
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            with safe_open(os.path.join(folder, name), framework="pt") as file:
                demand((file.metadata() or {}).get("format") == "pt", f"{name} lacks the metadata format: pt")
                for key in file.keys():
                    tensors[key] = file.get_tensor(key)
    return tensors


def unpack(words, bits, columns):
    """int32 words to unsigned codes, lowest bits first; element i of a row at bit bits*i of its row's stream (bits divides 32)."""
    import torch
    wide = words.to(torch.int64) & 0xFFFFFFFF
    shifts = torch.arange(32 // bits) * bits
    return ((wide.unsqueeze(-1) >> shifts) & ((1 << bits) - 1)).flatten(1)[:, :columns]


def decoded(tensors, config):
    """name of a linear -> its weight, decoded here from the description of the format, by nothing of Halftone's."""
    import torch
    weights = {}
    schemes = {}
    for group in config["config_groups"].values():
        for target in group["targets"]:
            schemes[target] = group["weights"]
    for key in tensors:
        if not key.endswith(".weight_scale"):
            continue
        linear = key.removesuffix(".weight_scale")
        scheme = schemes.get(linear) or schemes["Linear"]
        bits, scale = scheme["num_bits"], tensors[key].float()
        if linear + ".weight_packed" in tensors:
            rows, columns = tensors[linear + ".weight_shape"].tolist()
            codes = unpack(tensors[linear + ".weight_packed"], bits, columns) - (1 << (bits - 1))
            demand(codes.shape == (rows, columns), f"{linear}: codes of shape {tuple(codes.shape)}, weight_shape says {(rows, columns)}")
            zeros = torch.zeros_like(scale)
            if linear + ".weight_zero_point" in tensors:
                zeros = unpack(tensors[linear + ".weight_zero_point"].t().contiguous(), bits, rows).t() - (1 << (bits - 1))
        else:
            codes = tensors[linear + ".weight"]
            demand(codes.dtype == torch.int8, f"{linear}.weight is {codes.dtype}, not int8")
            zeros = tensors.get(linear + ".weight_zero_point", torch.zeros_like(scale))
        rows, columns = codes.shape
        demand(scale.shape[0] == rows and columns % scale.shape[1] == 0, f"{linear}: scales of shape {tuple(scale.shape)} for {rows} x {columns}")
        size = columns // scale.shape[1]
        wanted = scheme.get("group_size") if scheme["strategy"] == "group" else columns
        demand(size == wanted, f"{linear}: groups of {size} in the file, {wanted} in config.json")
        codes = codes.float().view(rows, -1, size)
        weights[linear] = ((codes - zeros.float().unsqueeze(-1)) * scale.unsqueeze(-1)).view(rows, columns)
    return weights


def compressed(case, expect_linears, activations=0, dequantize=False):
    """The export of a run: decoded weights equal the dense export bit by bit, and the stock runtime's perplexity is ours."""
    import torch
    out = case.export("compressed-tensors")
    dense = tensors_of(case.export("dense", "--dtype", "f32"))
    with open(os.path.join(out, "config.json"), encoding="utf-8") as file:
        config = json.load(file)["quantization_config"]
    tensors = tensors_of(out)
    weights = decoded(tensors, config)
    demand(len(weights) == expect_linears, f"{len(weights)} quantized linears in the export, {expect_linears} in the recipe")
    for linear, weight in weights.items():
        difference = (weight - dense[linear + ".weight"]).abs().max().item()
        demand(difference == 0, f"{linear}: packed and dense export differ by {difference:g}")
    print(f"{len(weights)} packed weights equal the dense export bit by bit")
    float_weights = tensors_of(case.model)
    changed = sum(bool((weights[name] != float_weights[name + ".weight"].float()).any()) for name in weights)
    demand(changed == len(weights), f"only {changed} of {len(weights)} weights differ from the float model: nothing was quantized")
    ours = case.perplexity(case.project)
    windows = windows_of(out, case)
    if dequantize:
        from transformers import CompressedTensorsConfig
        model = stock_model(out, quantization_config=CompressedTensorsConfig(dequantize=True))
    else:
        model = stock_model(out)
    stock = stock_perplexity(model, windows)
    close(ours, stock, FLIPPED if activations else EXACT, "perplexity of the run")
    close(case.perplexity(out), stock, FLIPPED if activations else EXACT, "perplexity of the export as Halftone reads it back")
    quantizing = [name for name, module in model.named_modules()
                  if getattr(getattr(module, "quantization_scheme", None), "input_activations", None) is not None]
    if not dequantize:
        demand(len(quantizing) == activations, f"{len(quantizing)} linears quantize their input in the stock runtime, {activations} should")
    return out, tensors, model


def linears_of(case):
    return [linear["name"] for linear in case.cli("inspect", case.model)["linears"]]


def w4a16_groups(case):
    case.quantize({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32, "symmetric": True}})
    compressed(case, len(linears_of(case)))
    # What 4 bits cost on this model is far above the tolerance: the agreement is a statement.
    before, after = case.perplexity(case.model), case.perplexity(case.project)
    demand(after > (1 + 10 * EXACT) * before, f"4 bits cost nothing: {before} before, {after} after")


def w4a16_channel(case):
    case.quantize({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "symmetric": True, "range": "full"}})
    compressed(case, len(linears_of(case)))


def w8a8_token(case):
    case.quantize({"rounding": {"method": "rtn"}, "weights": {"bits": 8, "symmetric": True}, "activations": {"scheme": "per_token", "bits": 8}})
    compressed(case, len(linears_of(case)), activations=len(linears_of(case)))


def w8a8_static(case):
    import torch
    case.quantize({"rounding": {"method": "rtn"}, "weights": {"bits": 8, "symmetric": True}, "activations": {"scheme": "per_tensor", "bits": 8}})
    count = len(linears_of(case))
    out, tensors, _ = compressed(case, count, activations=count)
    scales = {name.removesuffix(".input_scale"): value.item() for name, value in tensors.items() if name.endswith(".input_scale")}
    demand(len(scales) == count, f"{len(scales)} static scales for {count} linears")
    # A static scale is the calibration's absmax over 127: watch the float model on the same windows.
    model, seen = stock_model(case.model), {}
    for name, module in model.named_modules():
        if name in scales:
            module.register_forward_pre_hook(lambda _, inputs, name=name: seen.__setitem__(name, inputs[0].abs().max().item()))
    with torch.no_grad():
        model(input_ids=windows_of(case.model, case)[:32], use_cache=False)
    for name, scale in scales.items():
        close(scale * 127, seen[name], 0.05, f"{name} absmax")


def mixed(case):
    rules = [{"match": "*.mlp.down_proj", "weights": {"bits": 8, "group": 0}, "activations": {"scheme": "per_token", "bits": 8}},
             {"match": "model.layers.0.*", "weights": {"bits": 16}, "activations": {"scheme": "none"}}]
    case.quantize({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32, "symmetric": True}}, rules)
    names = [name for name in linears_of(case) if not name.startswith("model.layers.0.")]
    compressed(case, len(names), activations=sum(name.endswith("down_proj") for name in names))


def asymmetric(case):
    # transformers 5.23 refuses asymmetric packed weights unless it may dequantize them on loading.
    case.quantize({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32, "symmetric": False}})
    compressed(case, len(linears_of(case)), dequantize=True)


def kv_cache(case, symmetric, bits):
    """A range a token and head is served by compressed-tensors' strategy "group" with groups as long as a head."""
    cache = {"scheme": "per_token_head", "bits": bits, "symmetric": symmetric, "position": "post_rope"}
    case.quantize({"rounding": {"method": "rtn"}, "weights": {"bits": 8, "group": 32, "symmetric": True}}, kv_cache={"scheme": "none"})
    without = case.perplexity(case.project)
    shutil.rmtree(case.project)
    case.quantize({"rounding": {"method": "rtn"}, "weights": {"bits": 8, "group": 32, "symmetric": True}}, kv_cache=cache)
    out = case.export("compressed-tensors")
    model = stock_model(out)
    attentions = [m for m in model.modules() if hasattr(m, "k_proj")]
    demand(all(m.quantization_scheme.input_activations.num_bits == bits for m in attentions), "the stock runtime leaves a cache float")
    ours, stock = case.perplexity(case.project), stock_perplexity(model, windows_of(out, case))
    close(ours, stock, FLIPPED, "perplexity of the run")
    close(case.perplexity(out), stock, FLIPPED, "perplexity of the export as Halftone reads it back")
    if bits < 8:   # the agreement is a statement: the cache costs far more than the tolerance
        demand(abs(stock - without) > 5 * FLIPPED * without, f"{bits} bits of cache cost nothing: {without} without, {stock} with")


def dense(case, dtype, tolerance):
    import torch
    case.quantize({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32, "symmetric": True}})
    out = case.export("dense", "--dtype", dtype)
    wanted = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    tensors = tensors_of(out)
    demand({t.dtype for t in tensors.values()} == {wanted}, f"tensors are {sorted({str(t.dtype) for t in tensors.values()})}, not {dtype}")
    demand(set(tensors) == set(tensors_of(case.model)), "the export holds other tensors than the model")
    close(case.perplexity(case.project), stock_perplexity(stock_model(out), windows_of(out, case)), tolerance, "perplexity")


def gguf_of(case, quantize=None):
    """tiny-llama as a GGUF file, written by the gguf library. quantize: a gguf type for the linears. Returns path and the float values in it."""
    import gguf
    import numpy as np
    tensors = {name: value.float().numpy() for name, value in tensors_of(case.model).items()}
    with open(os.path.join(case.model, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    with open(os.path.join(case.model, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    path = os.path.join(case.work, "tiny.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    tokens = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    writer.add_token_list(tokens)
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    values = {}
    for name, value in tensors.items():
        base, suffix = name.rsplit(".", 1)
        target = names.get_name(base) + "." + suffix

        def permuted(x, back, heads):
            shape = (heads, x.shape[0] // heads // 2, 2, *x.shape[1:]) if back else (heads, 2, x.shape[0] // heads // 2, *x.shape[1:])
            return x.reshape(shape).swapaxes(1, 2).reshape(x.shape)

        heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}.get(base.rsplit(".", 1)[-1])
        stored = permuted(value, False, heads) if heads else value
        if quantize is not None and "proj" in base:
            blocks = gguf.quants.quantize(stored, quantize)
            writer.add_tensor(target, blocks, raw_dtype=quantize)
            stored = gguf.quants.dequantize(blocks, quantize)
        else:
            writer.add_tensor(target, np.ascontiguousarray(stored))
        values[name] = permuted(stored, True, heads) if heads else stored
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, values


def compare_inspect(case, path):
    """inspect against the gguf library's reader: every linear's shape and type."""
    import gguf
    reader = gguf.GGUFReader(path)
    fields = {tensor.name: tensor for tensor in reader.tensors}
    shown = case.cli("inspect", path)
    blocks = int(reader.fields["llama.block_count"].contents())
    demand(shown["blocks"] == blocks, f"blocks: {shown['blocks']} against {blocks}")
    demand(shown["parameters"] == sum(math.prod(int(d) for d in tensor.shape) for tensor in reader.tensors), f"parameters: {shown['parameters']}")
    demand(shown["vocabulary"] == int(fields["token_embd.weight"].shape[1]), f"vocabulary: {shown['vocabulary']}")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, blocks)
    demand(len(shown["linears"]) == 7 * blocks, f"{len(shown['linears'])} linears")
    for linear in shown["linears"]:
        tensor = fields[names.get_name(linear["name"]) + ".weight"]
        demand([linear["in"], linear["out"]] == [int(d) for d in tensor.shape], f"{linear['name']}: {linear['out']} x {linear['in']} against {list(tensor.shape)}")
        demand(linear["dtype"] == tensor.tensor_type.name, f"{linear['name']}: {linear['dtype']} against {tensor.tensor_type.name}")
    print(f"inspect agrees on {len(shown['linears'])} linears of {path}")


def gguf_float(case):
    path, _ = gguf_of(case)
    compare_inspect(case, path)
    demand(case.ids(path) == case.ids(case.model), "the vocabulary in the GGUF file gives other ids than tokenizer.json")
    close(case.perplexity(path), stock_perplexity(stock_model(case.model), windows_of(case.model, case)), EXACT, "perplexity")


def gguf_q8_0(case):
    import gguf
    import torch
    path, values = gguf_of(case, gguf.GGMLQuantizationType.Q8_0)
    compare_inspect(case, path)
    model = stock_model(case.model)
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in values.items()}, strict=False)
    close(case.perplexity(path), stock_perplexity(model, windows_of(case.model, case)), EXACT, "perplexity of gguf's own dequantization")


def gguf_sample(case):
    sample = os.environ.get("HALFTONE_SAMPLE", "")
    if not os.path.isfile(sample):
        print("HALFTONE_SAMPLE names no file: the sample model is not here")
        sys.exit(77)
    compare_inspect(case, sample)


def variant(case, name, change=None, **config_changes):
    """tiny-llama with other tensors (change: a function of the dict) and other fields of config.json, as a folder that the stock loader opens."""
    from safetensors.torch import save_file
    folder = os.path.join(case.work, name)
    shutil.copytree(case.model, folder)
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
    tensors = tensors_of(case.model)
    if change:
        change(tensors)
    save_file({key: value.contiguous() for key, value in tensors.items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config.update(config_changes)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    return folder


def carried(case, model, stock):
    """Halftone's perplexity of `model` is `stock`; quantized and exported in both formats, the stock loader's of the export is that of the run."""
    close(case.perplexity(model), stock, EXACT, f"perplexity of {os.path.basename(model)}")
    plain, case.model = case.model, model
    shutil.rmtree(case.project, ignore_errors=True)
    case.quantize({"rounding": {"method": "rtn"}, "weights": {"bits": 8, "group": 32, "symmetric": True}})
    run = case.perplexity(case.project)
    for fmt, more in (("dense", ("--dtype", "f32")), ("compressed-tensors", ("--dtype", "f32"))):
        out = case.export(fmt, *more)
        close(run, stock_perplexity(stock_model(out), windows_of(out, case)), EXACT, f"perplexity of its {fmt} export")
        shutil.rmtree(out)
    case.model = plain


def heads(case):
    """Tied or not: what is stored decides, and every export carries it."""
    import torch
    generator = torch.Generator().manual_seed(5)

    def distinct(tensors):
        embedding = tensors["model.embed_tokens.weight"].float()
        tensors["lm_head.weight"] = embedding + 0.05 * torch.randn(embedding.shape, generator=generator)

    def as_head(tensors):
        tensors.pop("lm_head.weight", None)
        tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")

    def untied(tensors):
        tensors.pop("lm_head.weight", None)

    seen = []
    for name, change, tied in (("distinct", distinct, True), ("stored-as-head", as_head, True), ("tied", untied, True), ("apart", distinct, False)):
        folder = variant(case, name, change, tie_word_embeddings=tied)
        seen.append(stock_perplexity(stock_model(folder), windows_of(folder, case)))
        carried(case, folder, seen[-1])
    demand(abs(seen[0] - seen[1]) > 10 * EXACT * seen[0], "the distinct head changes nothing, so this test says nothing")


def scalings(case):
    """Rotary scalings, evaluated and carried by exports."""
    plain = stock_perplexity(stock_model(case.model), windows_of(case.model, case))
    for name, scaling in (("yarn", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 6}),
                          ("yarn-mscale", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.5, "mscale_all_dim": 1.5}),
                          ("dynamic", {"rope_type": "dynamic", "factor": 2.0})):
        folder = variant(case, name, rope_scaling=scaling, **({"max_position_embeddings": 32} if name == "dynamic" else {}))
        stock = stock_perplexity(stock_model(folder), windows_of(folder, case))
        demand(abs(stock - plain) > 10 * EXACT * plain, f"{name} changes nothing, so this test says nothing")
        carried(case, folder, stock)


def gguf_biases(case):
    """Biases of a GGUF are used, and exports keep them."""
    import torch
    generator = torch.Generator().manual_seed(6)

    def biases(tensors):
        for name in [n for n in tensors if "proj" in n]:
            tensors[name.replace(".weight", ".bias")] = 0.2 * torch.randn(tensors[name].shape[0], generator=generator)

    folder = variant(case, "biases", biases, attention_bias=True, mlp_bias=True)
    plain, case.model = case.model, folder
    path, _ = gguf_of(case)
    stock = stock_perplexity(stock_model(folder), windows_of(folder, case))
    case.model = plain
    demand(abs(stock - case.perplexity(plain)) > 10 * EXACT * stock, "the biases change nothing, so this test says nothing")
    carried(case, path, stock)


CASES = {"heads": heads, "scalings": scalings, "gguf_biases": gguf_biases, "w4a16_groups": w4a16_groups, "w4a16_channel": w4a16_channel, "w8a8_token": w8a8_token, "w8a8_static": w8a8_static, "mixed": mixed,
         "asymmetric": asymmetric,
         "kv_cache_symmetric": lambda case: kv_cache(case, True, 8), "kv_cache_asymmetric": lambda case: kv_cache(case, False, 2), "dense_f32": lambda case: dense(case, "f32", EXACT), "dense_bf16": lambda case: dense(case, "bf16", BF16),
         "gguf_float": gguf_float, "gguf_q8_0": gguf_q8_0, "gguf_sample": gguf_sample}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--python")
    args = parser.parse_args()
    if args.python and os.path.isfile(args.python) and os.path.abspath(args.python) != os.path.abspath(sys.executable):
        os.execv(args.python, [args.python, *[a for a in sys.argv if a != args.python and a != "--python"]])
    try:
        import compressed_tensors, gguf, safetensors, torch, transformers   # noqa: F401, E401
    except ImportError as missing:
        print(f"skipped: {missing}; packaging/test installs the stock runtimes")
        sys.exit(77)
    case = Case(args)
    try:
        CASES[args.case](case)
    except Disagreement as disagreement:
        print(f"{args.case}: {disagreement}")
        sys.exit(1)
    print(f"{args.case}: agreed")


if __name__ == "__main__":
    main()
