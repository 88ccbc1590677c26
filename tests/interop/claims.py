#!/usr/bin/env python3
"""Every claim of the contract "transformers" is tried: exported for a tiny random model of each family and opened by the stock loader.

    claims.py --writer write_claims --data tests/data/model --work FOLDER [--python INTEROP_PYTHON]

The claims are asked of the contract itself (write_claims.cpp). Each export must open, and compute what its run computes; its size is what was said.
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
WINDOWS = 0.25   # share of the windows that must agree: in the others the last bit of a sum flipped a rounding, and with it all that follow …
FLIPPED = 0.15   # … or the share of what quantizing costs (KL) that such flips may cost: BLOOM's sums differ from ours more often
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


def try_claim(claim, work):
    """None, or a sentence of what does not hold."""
    import torch
    from transformers import AutoModelForCausalLM
    folder = os.path.join(work, claim["folder"])
    export = os.path.join(folder, "export")
    for kind, said in (("export", claim["said_bytes"]), ("dense", claim["dense_bytes"])):
        if said is not None and (written := tensor_bytes(os.path.join(folder, kind))) != said:
            return f"{kind}: {said} bytes were said and {written} written"
    try:
        model = AutoModelForCausalLM.from_pretrained(export, dtype=torch.float32, device_map="cpu", local_files_only=True).eval()
        ids = torch.tensor([[(97 * (t + 1) + 31 * w) % claim["vocabulary"] for t in range(claim["tokens"])] for w in range(claim["windows"])])
        with torch.no_grad():   # as a prompt is served: with the cache
            logits = model(input_ids=ids, use_cache=True).logits.flatten(0, 1)
    except Exception as error:   # noqa: BLE001: whatever the loader says is the finding
        return f"does not open: {type(error).__name__}: {str(error)[:300]}"
    if not claim["same"]:
        return None
    caches = [m for m in model.modules() if getattr(getattr(m, "quantization_scheme", None), "input_activations", None) is not None and hasattr(m, "k_proj")]
    if claim["cache"] != bool(caches):
        return f"the stock loader rounds {len(caches)} caches, though the run {'does' if claim['cache'] else 'does not'}"
    meant = logits_of(os.path.join(folder, "logits.bin"), claim)
    apart = ((logits - meant).abs().view(claim["windows"], -1).amax(1) / meant.std())
    agree = (apart <= EXACT).double().mean().item()
    cost = kl(logits_of(os.path.join(work, claim["float"]), claim), meant)
    off = kl(meant, logits)
    if os.environ.get("CLAIMS_VERBOSE"):
        print(f"{claim['family']:8} {claim['what']:50} agree {agree:.2f} KL {off:.2e} cost {cost:.2e}", flush=True)
    if cost <= SEEN:
        return f"quantizing costs a KL of {cost:.1e} only: the agreement says nothing"
    rounds = claim["rounds_activations"] or claim["cache"]
    if agree < (WINDOWS if rounds else 1) and not (rounds and off <= FLIPPED * cost):
        return f"another function than the run: {agree:.0%} of the windows agree, KL {off:.1e} where quantizing costs {cost:.1e}"
    return None


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
        broken, opened, caches = try_all(args, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if opened < 100 or caches < 8:
        broken.append(f"the table is not whole: {opened} exports, {caches} with a cache")
    for line in broken:
        print(line)
    sys.exit(1 if broken else 0)


def try_all(args, place):
    models = os.path.join(place, "models")
    os.makedirs(models)
    broken, opened, caches = [], 0, 0
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
        faults = [f"{family}, {claim['what']}: {why}" for claim in claims if (why := try_claim(claim, work)) is not None]
        print(f"{family}: {len(claims) - len(faults)} of {len(claims)} exports hold; written in {written - begun:.0f} s, opened in {time.monotonic() - written:.0f} s", flush=True)
        broken += faults
        opened += len(claims)
        caches += sum(claim["cache"] for claim in claims)
        shutil.rmtree(work)
    return broken, opened, caches


if __name__ == "__main__":
    main()
