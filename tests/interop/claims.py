#!/usr/bin/env python3
"""Every claim of the contract "transformers" is tried: exported for a tiny random model of each family and opened by the stock loader.

    claims.py --writer write_claims --data tests/data/model --work FOLDER [--python INTEROP_PYTHON]

The claims are asked of the contract itself (write_claims.cpp). Each export must open, and compute what its run computes; its size is what was said. Faults that are planted in some of the exports must be noticed.
The claims of the contract "vllm" are not tried here: vLLM needs a machine of its own.
Exit 0: all hold; 1: not, with the claims that do not; 77: the libraries are not here (ctest calls that skipped).
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1", TOKENIZERS_PARALLELISM="false")
os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
EXACT = 2e-5     # of the logits' spread: the same numbers, summed in another order
TOKENS = 0.1     # share of the tokens that must agree where activations are rounded: behind one the last bit of a sum flipped a rounding, and with it all that follow
FLIPPED = 0.15   # share of what quantizing costs (KL) that such flips may cost
SEEN = 1e-9      # a KL below which quantizing costs nothing that could be told from the last bit


def make_models(top, data):
    """Tiny random models, a folder a family, whose names are returned; weights in bfloat16, so that exports in their default dtype lose nothing."""
    import torch
    from transformers import (BloomConfig, BloomForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, OPTConfig, OPTForCausalLM,
                              Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)
    gated = dict(vocab_size=512, hidden_size=96, intermediate_size=192, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
                 initializer_range=0.2)
    families = {
        "llama": lambda n: LlamaForCausalLM(LlamaConfig(num_hidden_layers=n, **gated)),
        "mistral": lambda n: MistralForCausalLM(MistralConfig(num_hidden_layers=n, head_dim=24, sliding_window=16, **gated)),
        "qwen2": lambda n: Qwen2ForCausalLM(Qwen2Config(num_hidden_layers=n, **gated)),
        "qwen3": lambda n: Qwen3ForCausalLM(Qwen3Config(num_hidden_layers=n, head_dim=24, **gated)),
        "opt": lambda n: OPTForCausalLM(OPTConfig(num_hidden_layers=n, vocab_size=512, hidden_size=96, ffn_dim=192, num_attention_heads=4, word_embed_proj_dim=96,
                                                  max_position_embeddings=128, init_std=0.2)),
        "bloom": lambda n: BloomForCausalLM(BloomConfig(n_layer=n, vocab_size=512, hidden_size=96, n_head=4, initializer_range=0.2)),
    }
    for family, make in families.items():
        for name, blocks in ((family, 2), (family + "-deep", 6)):
            torch.manual_seed(5)
            folder = os.path.join(top, name)
            make(blocks).to(torch.bfloat16).save_pretrained(folder)
            for companion in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(os.path.join(data, "tiny-llama", companion), folder)
    return list(families)


def tensor_bytes(folder):
    """Bytes of all tensors, after the files' headers."""
    total = 0
    for name in os.listdir(folder):
        if name.endswith(".safetensors"):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                total += os.path.getsize(path) - 8 - struct.unpack("<Q", file.read(8))[0]
    return total


def logits_of(path, claim):
    import torch
    with open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.float32).view(claim["windows"] * claim["tokens"], claim["vocabulary"])


def kl(p, q):
    import torch
    p, q = torch.log_softmax(p.double(), -1), torch.log_softmax(q.double(), -1)
    return (p.exp() * (p - q)).sum(-1).mean().item()


def stock_logits(export, claim):
    """The model as the stock loader opens it, and its logits as a prompt is served: with the cache."""
    import torch
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(export, dtype=torch.float32, device_map="cpu", local_files_only=True).eval()
    ids = torch.tensor([[(97 * (t + 1) + 31 * w) % claim["vocabulary"] for t in range(claim["tokens"])] for w in range(claim["windows"])])
    with torch.no_grad():
        return model, model(input_ids=ids, use_cache=True).logits.flatten(0, 1)


def agreement(logits, meant):
    """Share of the tokens whose logits are the same numbers."""
    return ((logits - meant).abs().amax(1) / meant.std() <= EXACT).double().mean().item()


def same_function(claim, logits, meant, cost):
    """None, or how another function shows."""
    rounds = claim["rounds_activations"] or claim["cache"]
    agree, off = agreement(logits, meant), kl(meant, logits)
    if agree < (TOKENS if rounds else 1) or (rounds and off > FLIPPED * cost):
        return f"another function than the run: {agree:.0%} of the tokens agree, KL {off:.1e} where quantizing costs {cost:.1e}"
    return None


def tensor_fault(suffix, change, every=False):
    """A fault in the first tensor of an export whose name ends so, or in every one; False where there is none."""
    def plant(export):
        from safetensors.torch import load_file, save_file
        for name in sorted(os.listdir(export)):
            if name.endswith(".safetensors"):
                path = os.path.join(export, name)
                tensors = load_file(path)
                hit = sorted(key for key in tensors if key.endswith(suffix))
                for key in hit if every else hit[:1]:
                    tensors[key] = change(tensors[key])
                if hit:
                    save_file(tensors, path, metadata={"format": "pt"})
                    return True
        return False
    return plant


def grid_fault(caches, change):
    """A fault in the grids of the inputs, or of the caches, as an export's config.json says them."""
    def plant(export):
        path = os.path.join(export, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        quantization = config["quantization_config"]
        grids = [quantization.get("kv_cache_scheme")] if caches else [group.get("input_activations") for group in quantization["config_groups"].values()]
        changed = [grid for grid in grids if grid and change(grid)]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return bool(changed)
    return plant


def fewer_bits(grid):
    grid["num_bits"] -= 1
    return grid["num_bits"] >= 2 and grid.get("dynamic") is not False   # a static scale of a narrower grid is another fault


def other_symmetry(grid):
    grid["symmetric"] = not grid["symmetric"]
    return bool(grid.get("dynamic"))


# What a wrong export could get wrong by little. Each must be noticed wherever it can be planted: else the agreement above says nothing.
FAULTS = {
    "weight scale": tensor_fault(".weight_scale", lambda t: t * 1.02),
    "weight zero point": tensor_fault(".weight_zero_point", lambda t: t + 1),
    "input scale": tensor_fault(".input_scale", lambda t: t * 1.02, every=True),   # one alone may round all of many tokens to zero
    "bits of inputs": grid_fault(False, fewer_bits),
    "symmetry of inputs": grid_fault(False, other_symmetry),
    "bits of caches": grid_fault(True, fewer_bits),
    "symmetry of caches": grid_fault(True, other_symmetry),
}


def unnoticed(claim, work, meant, cost, planted):
    """None, or the fault that was planted and passed. `planted`: how often each was so far, in this family."""
    export = os.path.join(work, claim["folder"], "export")
    faulty = os.path.join(work, "faulty")
    for name, plant in FAULTS.items():
        if planted.get(name, 0) >= 2:
            continue
        shutil.rmtree(faulty, ignore_errors=True)
        shutil.copytree(export, faulty)
        if not plant(faulty):
            continue
        try:
            _, logits = stock_logits(faulty, claim)
        except Exception:   # noqa: BLE001: refused, which is noticed too, but no control of the agreement
            continue
        planted[name] = planted.get(name, 0) + 1
        if same_function(claim, logits, meant, cost) is None:
            return f"a wrong {name}, planted in the export, passes: {agreement(logits, meant):.0%} of the tokens agree, KL {kl(meant, logits):.1e} of {cost:.1e}"
    return None


def try_claim(claim, work, planted):
    """None, or a sentence of what does not hold."""
    folder = os.path.join(work, claim["folder"])
    export = os.path.join(folder, "export")
    for kind, said in (("export", claim["said_bytes"]), ("dense", claim["dense_bytes"])):
        if said is not None and (written := tensor_bytes(os.path.join(folder, kind))) != said:
            return f"{kind}: {said} bytes were said and {written} written"
    try:
        model, logits = stock_logits(export, claim)
    except Exception as error:   # noqa: BLE001: whatever the loader says is the finding
        return f"does not open: {type(error).__name__}: {str(error)[:300]}"
    if not claim["same"]:
        return None
    caches = [m for m in model.modules() if getattr(getattr(m, "quantization_scheme", None), "input_activations", None) is not None and hasattr(m, "k_proj")]
    if claim["cache"] != bool(caches):
        return f"the stock loader rounds {len(caches)} caches, though the run {'does' if claim['cache'] else 'does not'}"
    meant = logits_of(os.path.join(folder, "logits.bin"), claim)
    cost = kl(logits_of(os.path.join(work, claim["float"]), claim), meant)
    if os.environ.get("CLAIMS_VERBOSE"):
        print(f"{claim['family']:8} {claim['what']:50} agree {agreement(logits, meant):.2f} KL {kl(meant, logits):.2e} cost {cost:.2e}", flush=True)
    if cost <= SEEN:
        return f"quantizing costs a KL of {cost:.1e} only: the agreement says nothing"
    return same_function(claim, logits, meant, cost) or unnoticed(claim, work, meant, cost, planted)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--python")
    parser.add_argument("--families", help="some of them, by commas")
    args = parser.parse_args()
    if args.python and os.path.isfile(args.python) and os.path.abspath(args.python) != os.path.abspath(sys.executable):
        os.execv(args.python, [args.python, *[a for a in sys.argv if a != args.python and a != "--python"]])
    try:
        import compressed_tensors, torch, transformers   # noqa: F401, E401
        from loguru import logger
        logger.remove()
    except ImportError as missing:
        print(f"skipped: {missing}; packaging/test installs the stock runtimes")
        sys.exit(77)
    torch.set_num_threads(1)
    shutil.rmtree(args.work, ignore_errors=True)
    os.makedirs(args.work)
    # Thousands of small files, each synced: in memory where there is such a place.
    place = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else args.work)
    try:
        broken, opened, caches, planted = try_all(args, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if opened < 100 or caches < 8:
        broken.append(f"the table is not whole: {opened} exports, {caches} with a cache")
    if missing := [name for name in FAULTS if name not in planted and name != "weight zero point"]:   # packed ones are refused by the stock loader
        broken.append(f"never planted: {', '.join(missing)}")
    for line in broken:
        print(line)
    sys.exit(1 if broken else 0)


def try_all(args, place):
    models = os.path.join(place, "models")
    os.makedirs(models)
    broken, opened, caches, planted = [], 0, 0, {}
    made_of = make_models(models, args.data)
    for family in args.families.split(",") if args.families else made_of:
        begun = time.monotonic()
        work = os.path.join(place, "of-" + family)
        os.makedirs(work)
        made = subprocess.run([args.writer, models, family, os.path.join(args.data, "tiny-text.txt"), work], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if made.returncode != 0:
            broken.append(f"write_claims {family}: exit {made.returncode}: {made.stderr[-2000:]}")
            continue
        written = time.monotonic()
        with open(os.path.join(work, "claims.json"), encoding="utf-8") as file:
            claims = json.load(file)
        controls = {}
        faults = [f"{family}, {claim['what']}: {why}" for claim in claims if (why := try_claim(claim, work, controls)) is not None]
        for name, times in controls.items():
            planted[name] = planted.get(name, 0) + times
        print(f"{family}: {len(claims) - len(faults)} of {len(claims)} exports hold; written in {written - begun:.0f} s, opened in {time.monotonic() - written:.0f} s; "
              f"planted and noticed: {', '.join(f'{name} {times}' for name, times in controls.items())}", flush=True)
        broken += faults
        opened += len(claims)
        caches += sum(claim["cache"] for claim in claims)
        shutil.rmtree(work)
    return broken, opened, caches, planted


if __name__ == "__main__":
    main()
