#!/usr/bin/env python3
"""Repeats a quantization with several calibration samples and prints medians and ranges as one JSON document.

    tests/bench/seeds.py MODEL --text CALIBRATION --held-out TEXT [--recipe R] [--seeds 5] [--threads N] [--windows 4] [--length 2048] [--cli PATH]

One run's perplexity hangs on which windows of the text calibrated it: two methods whose ranges overlap are not told apart by it. Each seed draws other
samples; every run is evaluated on the same windows, by perplexity and by its divergence (KL) from the float model. The default recipe is that of the
GPTQ row of the README: 4 bits in groups of 64, activation order, 64 samples of 512.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

from measured import measured
from run import RECIPE, SOURCE, machine


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": values}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--text", required=True, help="for calibration")
    parser.add_argument("--held-out", required=True, help="for evaluation")
    parser.add_argument("--recipe", help="a recipe file; its seed is replaced")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--cli", default=os.path.join(SOURCE, "build", "bin", "halftone-cli"))
    args = parser.parse_args()
    recipe = RECIPE
    if args.recipe:
        with open(args.recipe, encoding="utf-8") as file:
            recipe = json.load(file)
    threads = ["--threads", str(args.threads), "--json", "--quiet"]
    work = tempfile.mkdtemp(prefix="halftone-seeds-")
    perplexity, divergence, seconds, peaks = [], [], [], []
    try:
        path = os.path.join(work, "recipe.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(recipe, file)
        for seed in range(args.seeds):
            project = os.path.join(work, f"{seed}.halftone")
            took = measured([args.cli, "quantize", args.model, "--recipe", path, "--text", args.text, "--project", project, "--seed", str(seed), *threads])
            figures = json.loads(measured([args.cli, "evaluate", project, "--text", args.held_out, "--windows", str(args.windows), "--length", str(args.length),
                                           "--against", args.model, *threads]).output)
            perplexity.append(round(figures["perplexity"], 4))
            divergence.append(round(figures["kl_mean"], 5))
            seconds.append(round(took.cpu, 1))
            peaks.append(took.peak)
            print(f"seed {seed}: perplexity {perplexity[-1]}, KL {divergence[-1]}, {took.cpu:.1f} CPU s", file=sys.stderr)
            shutil.rmtree(project)
        print(json.dumps({"machine": machine(), "model": os.path.basename(os.path.normpath(args.model)), "recipe": recipe, "threads": args.threads, "windows": args.windows,
                          "length": args.length, "perplexity": spread(perplexity), "kl_mean": spread(divergence), "cpu_s": spread(seconds), "peak_bytes": max(peaks)}, indent=1))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
