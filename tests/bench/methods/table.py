#!/usr/bin/env python3
"""A table method × setting for one or more models: perplexity, KL to the float model, seconds and peak memory of each run; then which of the
orderings that the papers lead one to expect hold.

    tests/bench/methods/table.py MODEL [MODEL ...] --text CALIBRATION --held-out TEXT --json FILE [--minutes 120]

Every run is kept in FILE as soon as it is done; the same command goes on where it stopped. Small models (below 20 million weights) get two seeds
(a seed other than 0 draws the samples) and longer training; a large model gets one, and others after everything else, as far as the time reaches.
Groups that do not divide a model's columns become rows. Settings with activations train under their grid.
"""
import argparse
import json
import math
import os
import sys
import tempfile
import time

from orderings import report

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "tests", "bench"))
from measured import measured  # noqa: E402
TOKEN4, TOKEN6, TOKEN8 = ({"scheme": "per_token", "bits": bits, "symmetric": False} for bits in (4, 6, 8))
SETTINGS = {
    "W3A16 g64": {"weights": {"bits": 3, "group": 64, "symmetric": False}},
    "W4A4 token": {"weights": {"bits": 4, "symmetric": False}, "activations": TOKEN4},
    "W8A8 static": {"weights": {"bits": 8, "symmetric": False}, "activations": {"scheme": "per_tensor", "bits": 8, "symmetric": False}},
    "W4A8 token": {"weights": {"bits": 4, "symmetric": False}, "activations": TOKEN8},
    "W2A16 g32": {"weights": {"bits": 2, "group": 32, "symmetric": False}},
    "W4A16 g64": {"weights": {"bits": 4, "group": 64, "symmetric": False}},
    **{f"A{bits}": {"activations": {"scheme": "per_token", "bits": bits}} for bits in (8, 6, 4)},
}
WEIGHTS = ["W3A16 g64", "W2A16 g32", "W4A16 g64"]
BOTH = ["W4A4 token", "W8A8 static", "W4A8 token"]
ACTIVATIONS = ["A8", "A6", "A4"]
SMALL = 20_000_000


def methods(steps):
    """name -> (recipe defaults, settings it is run in)"""
    learned = {"steps": steps}

    def rounding(method, **parameters):
        return {"rounding": {"method": method, **parameters}}

    def transform(method, rounded=None, **parameters):
        return {**(rounded or rounding("rtn")), "transform": {"method": method, **parameters}}

    lwc = rounding("lwc", **learned)
    lorc = {"compensation": {"method": "lorc"}}
    return {
        "rtn": (rounding("rtn"), WEIGHTS + BOTH),
        "gptq": (rounding("gptq"), WEIGHTS + BOTH),
        "awq": (transform("awq"), WEIGHTS),
        "smoothquant": (transform("smoothquant"), BOTH),
        "flexround": (rounding("flexround", **learned), WEIGHTS + BOTH),
        "lrq": (rounding("lrq", **learned), WEIGHTS + BOTH),
        "omniquant": (transform("omniquant", lwc, **learned), BOTH),
        "affinequant": (transform("affinequant", lwc, **learned), BOTH),
        "zeroquant-global": (rounding("zeroquant-global", **learned), WEIGHTS + BOTH),
        "zeroquant-local": (rounding("zeroquant-local", **learned), WEIGHTS + BOTH),
        "lwc": (lwc, WEIGHTS),
        "rtn+lorc": ({**rounding("rtn"), **lorc}, WEIGHTS),
        "gptq+lorc": ({**rounding("gptq"), **lorc}, WEIGHTS),
        "zeroquant-local+lorc": ({**rounding("zeroquant-local", **learned), **lorc}, WEIGHTS),
        "per token": ({"activations": {"scheme": "per_token"}}, ACTIVATIONS),
        "crossquant": ({"activations": {"scheme": "cross"}}, ACTIVATIONS),
        "crossquant static": ({"activations": {"scheme": "cross_static"}}, ACTIVATIONS),
        "crossquant folded": ({"transform": {"method": "crossquant"}, "activations": {"scheme": "per_token"}}, ACTIVATIONS),
    }


# Runs without learning are cheap, and the first of them decide most: they come first within a setting.
LEARNED = {"flexround", "lrq", "omniquant", "affinequant", "zeroquant-global", "zeroquant-local", "lwc", "zeroquant-local+lorc"}
CALIBRATED = LEARNED | {"gptq", "awq", "smoothquant", "gptq+lorc", "crossquant static", "crossquant folded"}


def gap(curves):
    """Loss of the blocks' outputs on windows outside the calibration over that on the calibration: the geometric mean over blocks, after training."""
    ratios = [c["held_out_end"] / c["end"] for c in curves if c.get("held_out_end", -1) > 0 and c["end"] > 0]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


class Bench:
    def __init__(self, args, model):
        self.cli = os.path.join(args.build, "bin", "halftone-cli")
        self.threads = ["--threads", str(args.threads)] if args.threads else []
        self.args, self.model, self.name = args, model, os.path.basename(os.path.normpath(model))
        linears = json.loads(measured([self.cli, "inspect", model, "--json"]).output)["linears"]
        self.columns = [linear["in"] for linear in linears]
        self.small = sum(linear["in"] * linear["out"] for linear in linears) < SMALL
        self.length = args.length or (128 if self.small else 256)
        self.samples = args.samples or (64 if self.small else 16)
        self.steps = args.steps or (128 if self.small else 16)
        self.windows = args.windows or (32 if self.small else 16)
        self.setup = {"model": self.name, "samples": self.samples, "length": self.length, "steps": self.steps, "windows": self.windows}
        known = {m["id"] for m in json.loads(measured([self.cli, "methods", "--json"]).output)["methods"]}
        self.methods = {name: entry for name, entry in methods(self.steps).items()
                        if all(entry[0].get(part, {}).get("method", "rtn") in known for part in ("rounding", "transform", "compensation"))}

    def evaluate(self, target, *more):
        return json.loads(measured([self.cli, "evaluate", target, "--text", self.args.held_out, "--windows", str(self.windows), "--length",
                                    str(self.length), "--json", *self.threads, *more]).output)

    def jobs(self):
        """(seed rank, setting, method, seed): cheap ones first within a setting."""
        for rank, seed in enumerate(self.args.seeds):
            for setting in SETTINGS:
                for name in sorted(self.methods, key=lambda name: name in LEARNED):
                    wanted = setting in self.methods[name][1] and (not self.args.only or name in self.args.only)
                    if wanted and (not self.args.settings or setting in self.args.settings) and (rank == 0 or name in CALIBRATED):
                        yield rank, setting, name, seed

    def measure(self, setting, name, seed):
        grid, method = SETTINGS[setting], self.methods[name][0]
        defaults = {**method, "activations": {**grid.get("activations", {}), **method.get("activations", {})}}
        if not defaults["activations"]:
            del defaults["activations"]
        if defaults.get("activations", {}).get("scheme", "").startswith("cross"):
            defaults["activations"].pop("symmetric", None)
        if setting.startswith("W4A4") and name in ("omniquant", "affinequant"):   # as the released scripts
            defaults["transform"] = {**defaults["transform"], "alpha": 0.75}
        if "weights" in grid:
            group = grid["weights"].get("group", 0)
            defaults["weights"] = {**grid["weights"], "group": group if group and all(c % group == 0 for c in self.columns) else 0}
        recipe = {"halftone_recipe": 1, "calibration": {"samples": self.samples, "length": self.length, "seed": seed}, "defaults": defaults}
        with tempfile.TemporaryDirectory(dir=self.args.scratch) as folder:
            path, project = os.path.join(folder, "recipe.json"), os.path.join(folder, "p.halftone")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(recipe, file)
            took = measured([self.cli, "quantize", self.model, "--recipe", path, "--text", self.args.text, "--project", project,
                             "--json", *self.threads])
            quantized = json.loads(took.output)
            result = self.evaluate(project, "--against", self.model)
        curves = quantized.get("curves", [])
        return {**self.setup, "setting": setting, "method": name, "seed": seed, "perplexity": result["perplexity"], "kl": result["kl_mean"],
                "seconds": round(took.wall, 1), "peak_bytes": took.peak, "bits_per_weight": quantized["bits_per_weight"], "gap": gap(curves),
                "rollbacks": sum(c["rollbacks"] for c in curves)}

    def kernels(self):
        """Shares of activations that each grid rounds to zero and clips, means over the sites."""
        shares = {}
        for bits in (8, 6, 4):
            sites = json.loads(measured([self.cli, "analyze", self.model, "--text", self.args.held_out, "--windows", str(self.windows), "--length",
                                         str(self.length), "--bits", str(bits), "--json", *self.threads]).output)["sites"]
            shares[f"A{bits}"] = {what: {grid: sum(s[what][grid] for s in sites) / len(sites) for grid in sites[0][what]}
                                  for what in ("kernel", "lost", "clipped") if what in sites[0]}
        return shares


def line(row):
    gap_text = f"{row['gap']:8.3f}" if row.get("gap") else " " * 8
    print(f"{row['model'][:20]:21}{row['setting']:13}{row['method']:22}{row['seed']:5}{row['perplexity']:14.3f}{row['kl']:10.4f}{row['seconds']:8.1f}"
          f"{row['peak_bytes'] / 2**20:7.0f}{gap_text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--text", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--minutes", type=float, default=120, help="no run is started after so long")
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"))
    parser.add_argument("--samples", type=int)
    parser.add_argument("--length", type=int)
    parser.add_argument("--windows", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--settings", nargs="+")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--scratch", help="folder for the runs' projects")
    args = parser.parse_args()
    started = time.monotonic()

    data = {"float": {}, "kernels": {}, "rows": [], "failed": []}
    if os.path.exists(args.json):
        with open(args.json, encoding="utf-8") as file:
            data = json.load(file)

    def save():
        with open(args.json + ".part", "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
        os.replace(args.json + ".part", args.json)

    benches = [Bench(args, model) for model in args.models]
    for bench in benches:
        key = json.dumps(bench.setup, sort_keys=True)
        if key not in data["float"]:
            data["float"][key] = bench.evaluate(bench.model)["perplexity"]
            data["kernels"][key] = bench.kernels()
            save()
        print(f"{bench.name}: float perplexity {data['float'][key]:.3f}; {bench.samples} samples of {bench.length}, {bench.steps} steps, "
              f"{bench.windows} windows of {bench.length} evaluated")
    print(f"{'model':21}{'setting':13}{'method':22}{'seed':>5}{'perplexity':>14}{'KL':>10}{'s':>8}{'MiB':>7}{'gap':>8}", flush=True)

    # Small models first, with all their seeds; then the first seed of the large ones; their other seeds at the end.
    queue = sorted(((0 if bench.small else 1 + rank, position, bench, setting, name, seed) for position, bench in enumerate(benches)
                    for rank, setting, name, seed in bench.jobs()), key=lambda job: job[:2])
    longest = 0.0
    left = 0
    for _, _, bench, setting, name, seed in queue:
        have = [row for row in data["rows"] if all(row[k] == v for k, v in {**bench.setup, "setting": setting, "method": name, "seed": seed}.items())]
        if have:
            line(have[0])
            continue
        if (time.monotonic() - started + longest) / 60 > args.minutes:
            left += 1
            continue
        begun = time.monotonic()
        try:
            row = bench.measure(setting, name, seed)
        except RuntimeError as error:
            print(f"{bench.name} {setting} {name} seed {seed} failed: {error}", flush=True)
            data["failed"].append({**bench.setup, "setting": setting, "method": name, "seed": seed, "error": str(error)})
            save()
            continue
        longest = time.monotonic() - begun
        data["rows"].append(row)
        save()
        line(row)
    print(f"\n{(time.monotonic() - started) / 60:.1f} minutes" + (f"; {left} runs are left for another call" if left else ""))
    for bench in benches:
        key = json.dumps(bench.setup, sort_keys=True)
        report(bench.name, data["float"][key], data["kernels"][key],
               [row for row in data["rows"] if all(row[k] == v for k, v in bench.setup.items())], args.seeds)
    return 1 if data["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
