#!/usr/bin/env python3
"""Measures Halftone and prints one JSON document.

    tests/bench/run.py [--build build] [--model MODEL] [--text T] [--held-out T] [--repeats 3] [--threads N] [--only NAME ...]

Each row is the same work done `repeats` times in a process of its own: wall and CPU seconds (user + system) of every repeat, and the largest
peak of resident memory, as the system counted them for that process (wait4). Measure on a machine that does nothing else.
The default model is the sample, the default texts are resources/text: `--model` with a float model of your own says more about quality.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

from measured import measured

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
RECIPE = {"halftone_recipe": 1, "calibration": {"samples": 64, "length": 512, "seed": 0},
          "defaults": {"rounding": {"method": "gptq", "activation_order": True}, "weights": {"bits": 4, "group": 64, "symmetric": True}}}


def machine():
    info = {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        fields = {key.strip(): value.strip() for key, value in lines.items()}
        info["processor"] = fields.get("model name", info["processor"])
        flags = fields.get("flags", "").split()
        info["vector"] = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
        with open("/proc/meminfo", encoding="utf-8") as file:
            info["memory_bytes"] = int(file.readline().split()[1]) * 1024
    except (OSError, ValueError):
        pass
    commit = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    info["commit"] = commit.stdout.strip()
    return info


def find_sample(build):
    for folder, _, files in os.walk(os.path.join(build, "python")):
        for name in files:
            if name.endswith(".gguf"):
                return os.path.join(folder, name)
    sys.exit("no sample model in the build folder (packaging/run installs it): name one with --model")


def window_rows(args, model, work):
    """From the start of the program to the window's first paint, and from asking for the model to the window that shows it. The first start is not
    counted: it reads the program from the disk."""
    program = os.path.join(args.build, "bin", "halftone")
    if not os.path.isfile(program):
        return {"window": "the studio is not built"}
    environment = dict(os.environ, QT_QPA_PLATFORM=os.environ.get("QT_QPA_PLATFORM", "offscreen"), XDG_DATA_HOME=work, XDG_CONFIG_HOME=work, XDG_RUNTIME_DIR=work)
    painted, opened = [], []
    for _ in range(args.repeats + 1):
        start = time.monotonic()
        result = subprocess.run([program, "--timing", model], env=environment, capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            sys.exit(f"{program} --timing: exit {result.returncode}\n{result.stderr[-2000:]}")
        at = {word: float(when) for word, when in (line.split() for line in result.stdout.splitlines() if len(line.split()) == 2)}
        painted.append(round(at["painted"] - start, 3))
        opened.append(round(at["opened"] - at["asked"], 3))
    rows = {}
    for name, walls in (("window_first_paint", painted[1:]), ("window_open", opened[1:])):
        rows[name] = {"command": f"halftone --timing {os.path.basename(model)}", "wall_s": walls, "wall_s_best": min(walls)}
        print(f"{name}: {min(walls):.2f} s", file=sys.stderr)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"))
    parser.add_argument("--model")
    parser.add_argument("--text", default=os.path.join(SOURCE, "resources/text/sample.txt"), help="for analysis and calibration")
    parser.add_argument("--held-out", default=os.path.join(SOURCE, "resources/text/held-out.txt"), help="for evaluation")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--only", nargs="+", choices=["open", "window", "analyze", "kernels", "views", "gptq", "evaluate", "evaluate_run"])
    args = parser.parse_args()
    model = os.path.abspath(args.model or find_sample(args.build))
    cli = os.path.join(args.build, "bin", "halftone-cli")
    threads = ["--threads", str(args.threads)] if args.threads else []
    wanted = args.only or ["open", "window", "analyze", "kernels", "views", "gptq", "evaluate", "evaluate_run"]
    work = tempfile.mkdtemp(prefix="halftone-bench-")
    result = {"machine": machine(), "model": os.path.basename(model), "threads": args.threads or os.cpu_count(), "repeats": args.repeats, "rows": {}}

    def row(name, command, keep=()):
        walls, cpus, peaks = [], [], []
        for repeat in range(args.repeats):
            took = measured([part.replace("{repeat}", str(repeat)) for part in command])
            walls.append(round(took.wall, 3))
            cpus.append(round(took.cpu, 3))
            peaks.append(took.peak)
        shown = ["halftone-cli", *[os.path.basename(part) if os.path.isabs(part) else part for part in command[1:]]]
        entry = {"command": " ".join(shown), "wall_s": walls, "cpu_s": cpus, "wall_s_best": min(walls), "cpu_s_best": min(cpus), "peak_bytes": max(peaks)}
        if keep:
            document = json.loads(text)
            entry.update({key: document[key] for key in keep if key in document})
        result["rows"][name] = entry
        print(f"{name}: {min(walls):.2f} s wall, {min(cpus):.2f} s CPU, {max(peaks) / 2**20:.0f} MiB", file=sys.stderr)

    try:
        recipe = os.path.join(work, "recipe.json")
        with open(recipe, "w", encoding="utf-8") as file:
            json.dump(RECIPE, file)
        if "open" in wanted:
            row("open", [cli, "inspect", model, "--json"])
        if "window" in wanted:
            result["rows"].update(window_rows(args, model, work))
        if "analyze" in wanted:
            row("analyze", [cli, "analyze", model, "--text", args.text, "--windows", "16", "--length", "512", "--json", *threads])
        if "kernels" in wanted:
            program = next((path for path in (os.path.join(args.build, "bin", "bench_kernels"), os.path.join(args.build, "tests/bench/bench_kernels"))
                            if os.path.isfile(path)), None)
            if program:
                text = measured([program]).output
                try:
                    result["rows"]["kernels"] = json.loads(text)
                except json.JSONDecodeError:
                    result["rows"]["kernels"] = text.splitlines()
            else:
                result["rows"]["kernels"] = "bench_kernels is not built (configure with HALFTONE_DEVELOPER=ON)"
        if "views" in wanted:
            program = os.path.join(args.build, "bin", "bench_views")
            if os.path.isfile(program):
                text = measured([program, model, args.text, *threads]).output
                result["rows"]["views"] = text.splitlines()
                print(text, file=sys.stderr)
            else:
                result["rows"]["views"] = "bench_views is not built (configure with HALFTONE_DEVELOPER=ON and HALFTONE_STUDIO=ON)"
        if "gptq" in wanted or "evaluate_run" in wanted:
            # A project of its own for every repeat: else the second would find the first one's run.
            row("gptq", [cli, "quantize", model, "--recipe", recipe, "--text", args.text, "--project", os.path.join(work, "{repeat}.halftone"), "--json", *threads],
                keep=("bits_per_weight", "bytes", "seconds"))
        if "evaluate" in wanted:
            row("evaluate", [cli, "evaluate", model, "--text", args.held_out, "--windows", "4", "--length", "2048", "--json", *threads], keep=("perplexity", "tokens"))
        if "evaluate_run" in wanted:
            row("evaluate_run", [cli, "evaluate", os.path.join(work, "0.halftone"), "--text", args.held_out, "--windows", "4", "--length", "2048", "--json", *threads],
                keep=("perplexity", "tokens"))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
