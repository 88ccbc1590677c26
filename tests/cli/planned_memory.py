#!/usr/bin/env python3
"""planned_memory.py CLI DATA: the memory that a command says it will take, beside what its process, begun for it alone, came to.

The peak of resident memory, as the system counted it for the process (wait4), does not hang on how busy the machine is. DATA is tests/data: its tiny Llama, and
the same with sixteen blocks. The sample model is HALFTONE_SAMPLE, or lies in the build folder's python; where it is not there its rows are left out, which is
said. Exit 1 where a plan is more than a tenth away.
"""
import json
import os
import re
import shutil
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from measured import measured  # noqa: E402

cli, data = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
tiny, text = os.path.join(data, "model", "tiny-llama"), os.path.join(data, "model", "tiny-text.txt")


def find_sample():
    named = os.environ.get("HALFTONE_SAMPLE", "")
    if os.path.isfile(named):
        return named
    for folder, _, files in os.walk(os.path.join(os.path.dirname(cli), "..", "python")):
        for name in files:
            if name.startswith("SmolLM2") and name.endswith(".gguf"):
                return os.path.join(folder, name)
    return None


sample = find_sample()
UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
METHODS = {"rtn": {"rounding": {"method": "rtn"}}, "gptq": {"rounding": {"method": "gptq"}}, "lrq": {"rounding": {"method": "lrq", "steps": 4}},
           "omniquant": {"transform": {"method": "omniquant", "steps": 4}, "rounding": {"method": "lwc", "steps": 4}}}


def make_deep(folder, blocks):
    """The tiny Llama's four blocks over and over."""
    os.makedirs(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(tiny, name), folder)
    with open(os.path.join(tiny, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    own, config["num_hidden_layers"] = config["num_hidden_layers"], blocks
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    with open(os.path.join(tiny, "model.safetensors"), "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        body = file.read()
    header.pop("__metadata__", None)
    tensors, out = {}, b""
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        block = re.match(r"model\.layers\.(\d+)\.", name)
        for to in range(int(block[1]), blocks, own) if block else [None]:
            tensors[name if to is None else re.sub(r"\.\d+\.", f".{to}.", name, count=1)] = {**entry, "data_offsets": [len(out), len(out) + end - begin]}
            out += body[begin:end]
    text_of_header = json.dumps(tensors).encode()
    text_of_header += b" " * (-len(text_of_header) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text_of_header)) + text_of_header + out)


def planned_and_reached(command):
    """-> (bytes planned, bytes reached)"""
    took = measured(command)
    plan = re.search(r"planned: .*about ([\d.]+) (bytes|kB|MB|GB) of memory", took.errors)
    if not plan:
        sys.exit(f"{' '.join(command)}: says no plan\n{took.errors[-1000:]}")
    return float(plan[1]) * UNITS[plan[2]], took.peak


def main():
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        deep = os.path.join(work, "deep")
        make_deep(deep, 16)
        rows = []
        for name, model, samples, length in (("tiny", tiny, 8, 64), ("16 blocks", deep, 16, 128), ("sample", sample, 4, 128)):
            if not model:
                print("the sample model is not there: its rows are left out")
                continue
            group = 64 if model == sample else 32
            common = ["--text", text, "--threads", "1"]
            for method in ("rtn", "gptq") if model == sample else METHODS:
                recipe = os.path.join(work, f"{name} {method}.json")
                with open(recipe, "w", encoding="utf-8") as file:
                    json.dump({"halftone_recipe": 1, "calibration": {"samples": samples, "length": length, "seed": 0},
                               "defaults": {"weights": {"bits": 4, "group": group}, **METHODS[method]}}, file)
                rows.append((f"{name}, {method}", ["quantize", model, "--recipe", recipe, "--project", os.path.join(work, f"{name} {method}.halftone"), *common]))
            windows = ["--windows", str(samples), "--length", str(length), *common]
            rows.append((f"{name}, analyze", ["analyze", model, *windows]))
            rows.append((f"{name}, evaluate", ["evaluate", model, *windows]))
            rows.append((f"{name}, evaluate against the model itself", ["evaluate", model, "--against", model, *windows]))
        for name, arguments in rows:
            planned, reached = planned_and_reached([cli, *arguments])
            apart = planned / reached - 1
            bad = abs(apart) > 0.1
            wrong += bad
            print(f"{name:48} planned {planned / 1e6:6.0f} MB, reached {reached / 1e6:6.0f} MB, {100 * apart:+5.1f} %{'  WRONG' if bad else ''}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
