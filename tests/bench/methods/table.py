#!/usr/bin/env python3
"""A table method × setting: perplexity, KL to the float model, seconds and peak memory of the run.

    tests/bench/methods/table.py MODEL --text CALIBRATION --held-out TEXT [--build build] [--samples 32] [--length 128] [--windows 16]
        [--steps 128] [--seeds 0] [--only METHOD ...] [--settings W3A16 ...] [--threads N] [--json FILE]

Groups that do not divide a model's columns become rows. Settings with activations train under their grid. A seed other than 0 draws the samples.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SETTINGS = {
    "W4A16 g64": {"weights": {"bits": 4, "group": 64, "symmetric": False}},
    "W3A16 g64": {"weights": {"bits": 3, "group": 64, "symmetric": False}},
    "W3A16": {"weights": {"bits": 3, "symmetric": False}},
    "W2A16 g32": {"weights": {"bits": 2, "group": 32, "symmetric": False}},
    "W8A8 static": {"weights": {"bits": 8}, "activations": {"scheme": "per_tensor", "bits": 8, "symmetric": False}},
    "W4A8 token": {"weights": {"bits": 4, "symmetric": False}, "activations": {"scheme": "per_token", "bits": 8, "symmetric": False}},
    "W4A4 token": {"weights": {"bits": 4, "symmetric": False}, "activations": {"scheme": "per_token", "bits": 4, "symmetric": False}},
}


def methods(steps):
    learned = {"steps": steps}
    return {
        "rtn": {"rounding": {"method": "rtn"}},
        "gptq": {"rounding": {"method": "gptq"}},
        "awq": {"rounding": {"method": "rtn"}, "transform": {"method": "awq"}},
        "smoothquant": {"rounding": {"method": "rtn"}, "transform": {"method": "smoothquant"}},
        "crossquant": {"rounding": {"method": "rtn"}, "transform": {"method": "crossquant"}},
        "flexround": {"rounding": {"method": "flexround", **learned}},
        "lrq": {"rounding": {"method": "lrq", **learned}},
        "lwc": {"rounding": {"method": "lwc", **learned}},
        "zeroquant-local": {"rounding": {"method": "zeroquant-local", **learned}},
        "zeroquant-global": {"rounding": {"method": "zeroquant-global", **learned}},
        "omniquant": {"rounding": {"method": "lwc", **learned}, "transform": {"method": "omniquant", "alpha": 0.75, **learned}},
        "rtn+lorc": {"rounding": {"method": "rtn"}, "compensation": {"method": "lorc"}},
        "gptq+lorc": {"rounding": {"method": "gptq"}, "compensation": {"method": "lorc"}},
        "zeroquant-global+lorc": {"rounding": {"method": "zeroquant-global", **learned}, "compensation": {"method": "lorc"}},
    }


def run(command):
    """-> (standard output, seconds, peak bytes)"""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {child.returncode}\n{errors.read().decode('utf-8', 'replace')[-2000:]}")
        return out.read().decode("utf-8", "replace"), seconds, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--text", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"))
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--settings", nargs="+")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json")
    args = parser.parse_args()
    cli = os.path.join(args.build, "bin", "halftone-cli")
    threads = ["--threads", str(args.threads)] if args.threads else []
    columns = [linear["in"] for linear in json.loads(run([cli, "inspect", args.model, "--json"])[0])["linears"]]

    rows = []
    print(f"{'setting':14}{'method':24}{'seed':>5}{'perplexity':>12}{'KL':>9}{'s':>8}{'MiB':>7}", flush=True)
    for setting, grid in SETTINGS.items():
        if args.settings and setting not in args.settings:
            continue
        group = grid["weights"].get("group", 0)
        weights = {**grid["weights"], "group": group if group and all(c % group == 0 for c in columns) else 0}
        for name, method in methods(args.steps).items():
            if args.only and name not in args.only:
                continue
            for seed in args.seeds:
                with tempfile.TemporaryDirectory() as folder:
                    recipe = {"halftone_recipe": 1, "calibration": {"samples": args.samples, "length": args.length, "seed": seed},
                              "defaults": {**method, **grid, "weights": weights}}
                    path, project = os.path.join(folder, "recipe.json"), os.path.join(folder, "p.halftone")
                    with open(path, "w", encoding="utf-8") as file:
                        json.dump(recipe, file)
                    _, seconds, peak = run([cli, "quantize", args.model, "--recipe", path, "--text", args.text, "--project", project, "--json", *threads])
                    result = json.loads(run([cli, "evaluate", project, "--text", args.held_out, "--windows", str(args.windows), "--length", str(args.length),
                                             "--against", args.model, "--json", *threads])[0])
                row = {"setting": setting, "method": name, "seed": seed, "perplexity": result["perplexity"], "kl": result.get("kl_mean"),
                       "seconds": round(seconds, 1), "peak_bytes": peak}
                rows.append(row)
                print(f"{setting:14}{name:24}{seed:5}{row['perplexity']:12.3f}{row['kl'] or 0:9.4f}{seconds:8.1f}{peak / 2**20:7.0f}", flush=True)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"model": args.model, "samples": args.samples, "length": args.length, "steps": args.steps, "rows": rows}, file, indent=2)


if __name__ == "__main__":
    main()
