#!/usr/bin/env python3
"""one_answer.py CLI DATA: one recipe, one answer, with any number of threads and whatever the environment tells OpenMP and MKL.

The tiny Llama of DATA (tests/data) is quantized by every kind of method, analyzed and evaluated, with several numbers of threads and several environments, each
in a process of its own: block files must be the same bytes, figures the same digits.
"""
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

cli, data = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
model, text = os.path.join(data, "model", "tiny-llama"), os.path.join(data, "model", "tiny-text.txt")
FOUR, EIGHT, TOKEN = {"bits": 4, "group": 32}, {"bits": 8}, {"scheme": "per_token", "bits": 8}
RECIPES = {
    "rtn": {"rounding": {"method": "rtn"}, "weights": FOUR},
    "gptq": {"rounding": {"method": "gptq"}, "weights": FOUR},
    "gptq, site statistics at once": {"rounding": {"method": "gptq", "activation_order": True, "true_sequential": False}, "weights": FOUR, "activations": TOKEN},
    "awq": {"transform": {"method": "awq"}, "weights": FOUR},
    "smoothquant": {"transform": {"method": "smoothquant"}, "weights": EIGHT, "activations": TOKEN},
    "flexround": {"rounding": {"method": "flexround", "steps": 8}, "weights": FOUR},
    "lrq": {"rounding": {"method": "lrq", "steps": 8}, "weights": FOUR},
    "omniquant": {"transform": {"method": "omniquant", "steps": 8}, "rounding": {"method": "lwc", "steps": 8}, "weights": FOUR, "activations": TOKEN},
    "affinequant": {"transform": {"method": "affinequant", "steps": 8}, "rounding": {"method": "lwc", "steps": 8}, "weights": FOUR},
    "crossquant": {"transform": {"method": "crossquant"}, "weights": EIGHT, "activations": TOKEN},
    "lorc": {"rounding": {"method": "gptq"}, "weights": {"bits": 3, "group": 32}, "compensation": {"method": "lorc"}},
}
SETTINGS = [("1", {}), ("2", {}), ("3", {}), ("2", {"OMP_DYNAMIC": "true"}), ("3", {"OMP_THREAD_LIMIT": "1"}), ("3", {"OMP_THREAD_LIMIT": "2"}),
            (None, {"OMP_NUM_THREADS": "1"}), ("1", {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"})]


def run(arguments, setting):
    threads, variables = setting
    result = subprocess.run([cli, *arguments, "--json", "-q", *(["--threads", threads] if threads else [])], capture_output=True, text=True,
                            env={**os.environ, "OMP_WAIT_POLICY": "passive", **variables})
    if result.returncode != 0:
        sys.exit(f"{' '.join(arguments)} with {setting}: exit {result.returncode}\n{result.stderr[-1000:]}")
    return result.stdout


def agree(what, answers):
    """answers: [(setting, answer)] -> 1 where they differ"""
    others = [str(setting) for setting, answer in answers if answer != answers[0][1]]
    print(f"{what}: " + (f"DIFFERENT from {answers[0][0]} with {'; '.join(others)}" if others else "one answer"), flush=True)
    return 1 if others else 0


def main():
    wrong = 0
    windows = ["--text", text, "--windows", "4", "--length", "64"]
    with tempfile.TemporaryDirectory() as work:
        for number, (name, defaults) in enumerate(RECIPES.items()):
            recipe = os.path.join(work, f"{number}.json")
            with open(recipe, "w", encoding="utf-8") as file:
                json.dump({"halftone_recipe": 1, "calibration": {"samples": 8, "length": 64, "seed": 0}, "defaults": defaults}, file)
            files, figures = [], []
            for at, setting in enumerate(SETTINGS):
                project = os.path.join(work, f"{number}-{at}.halftone")
                run(["quantize", model, "--recipe", recipe, "--text", text, "--project", project], setting)
                blocks = sorted(glob.glob(os.path.join(project, "runs", "*", "*.h5")))
                files.append((setting, [hashlib.sha256(open(path, "rb").read()).hexdigest() for path in blocks]))
                figures.append((setting, run(["evaluate", os.path.join(work, f"{number}-0.halftone"), "--against", model, *windows], setting)))
            if not files[0][1]:
                sys.exit(f"{name}: no block files")
            wrong += agree(name + ", block files", files) + agree(name + ", evaluation", figures)
        for command in ("analyze", "evaluate"):
            wrong += agree(command, [(setting, run([command, model, *windows], setting)) for setting in SETTINGS])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
