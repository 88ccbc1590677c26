#!/usr/bin/env python3
"""comma_locale.py BIN DATA: the command line and the window under a locale that writes 0,5, beside the same under C.

What they write must be the same to the byte: block files (their names hold their hash), study files and fingerprints, tables, CSV, JSON. BIN is
build/bin, DATA tests/data. The locale is made in a private folder; exit 77 (skipped) where the system cannot make one.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

cli, window = (os.path.join(os.path.abspath(sys.argv[1]), name) for name in ("halftone-cli", "halftone"))
model = os.path.join(os.path.abspath(sys.argv[2]), "model", "tiny-llama")
text = os.path.join(os.path.abspath(sys.argv[2]), "model", "tiny-text.txt")
faults = []

RECIPE = {"halftone_recipe": 1, "calibration": {"samples": 4, "length": 32},
          "defaults": {"rounding": {"method": "gptq", "damping": 0.015}, "weights": {"bits": 4, "group": 32}, "activations": {"scheme": "cross", "bits": 8, "alpha": 0.15},
                       "compensation": {"method": "lorc", "rank": 4}}}
STUDY = {"halftone_study": 1, "name": "Halves", "evaluation": {"windows": 1, "length": 32, "divergence": True},
         "axes": {"activations": [{"scheme": "cross", "bits": [8, 4], "alpha": [0.15, 0.55]}, {"scheme": "per_token", "bits": [4]}]}}


def environment(top, locale):
    home = os.path.join(top, "home-" + locale)
    os.makedirs(home, mode=0o700, exist_ok=True)
    return dict(os.environ, LOCPATH=os.path.join(top, "locales"), LC_ALL=locale, LANGUAGE="", HOME=home, XDG_DATA_HOME=home, XDG_CONFIG_HOME=home, XDG_RUNTIME_DIR=home,
                QT_QPA_PLATFORM="offscreen", HALFTONE_SAMPLE=model)


def run(program, arguments, env, folder):
    result = subprocess.run([program, *arguments], env=env, cwd=folder, capture_output=True, text=True, errors="replace", timeout=280)
    if result.returncode != 0:
        sys.exit(f"{os.path.basename(program)} {' '.join(arguments)}: exit {result.returncode}: {result.stderr[-500:]}")
    return result.stdout


def written(folder):
    """Names of all files below, and the bytes of those that have neither times nor seconds in them."""
    found = {}
    for at, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(at, name)
            same = name.endswith((".h5", ".csv"))
            with open(path, "rb") as file:
                # members of a study hold seconds, and the hash of all they hold is in their name
                found[re.sub(r"-[0-9a-f]{12}\.json$", ".json", os.path.relpath(path, folder))] = hashlib.sha256(file.read()).hexdigest() if same else None
    return found


def without_times(value):
    """JSON without what differs from run to run."""
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if not re.search(r"second|peak|created|when|time|saved|bytes_free|rate", k)}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def fingerprints(folder):
    """Every fingerprint and every name in the JSON below a project."""
    found = []

    def collect(value, key=""):
        if isinstance(value, dict):
            for k, v in value.items():
                collect(v, k)
        elif isinstance(value, list):
            for v in value:
                collect(v, key)
        elif isinstance(value, str) and key in ("fingerprint", "name", "activations", "weights", "notes", "sentence"):
            found.append((key, value))
    for at, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".json"):
                with open(os.path.join(at, name), encoding="utf-8") as file:
                    collect(json.load(file))
    return sorted(found)


def differences(plain, comma):
    """The parts of two values that differ, flat."""
    if isinstance(plain, dict) and isinstance(comma, dict):
        return [d for k in {**plain, **comma} for d in ([] if plain.get(k, "") == comma.get(k, "") else [(k, plain.get(k, "nothing"), comma.get(k, "nothing"))])]
    if isinstance(plain, (list, tuple)) and isinstance(comma, (list, tuple)) and len(plain) == len(comma):
        return [d for a, b in zip(plain, comma) if a != b for d in differences(a, b)]
    return [(plain, comma)]


def compare(what, plain, comma):
    if plain != comma:
        faults.append(f"{what} differ: {str(differences(plain, comma))[:600]}")


with tempfile.TemporaryDirectory() as top:
    locales = os.path.join(top, "locales")
    os.makedirs(locales)
    try:
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", os.path.join(locales, "de_DE.UTF-8")], capture_output=True).returncode == 0
    except OSError:
        made = False
    proof = subprocess.run([sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.localeconv()['decimal_point'])"],
                           env=environment(top, "de_DE.UTF-8"), capture_output=True, text=True)
    if not made or proof.stdout.strip() != ",":
        print("no comma locale can be made here")
        sys.exit(77)

    outputs, projects, windows = {}, {}, {}
    for locale in ("C.UTF-8", "de_DE.UTF-8"):
        env, folder = environment(top, locale), os.path.join(top, "work-" + locale)
        os.makedirs(folder)
        for name, document in (("recipe.json", RECIPE), ("study.json", STUDY)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                json.dump(document, file)
        common = ["--threads", "1", "--quiet"]
        out = [without_times(json.loads(run(cli, ["quantize", model, "--recipe", "recipe.json", "--text", text, "--project", "p.halftone", "--json", *common], env, folder))),
               run(cli, ["study", "study.json", model, "--text", text, "--eval", text, "--project", "p.halftone", "--plan"], env, folder),
               run(cli, ["analyze", model, "--text", text, "--windows", "1", "--length", "32", "--project", "p.halftone", *common], env, folder),
               run(cli, ["evaluate", "p.halftone", "--text", text, "--windows", "1", "--length", "32", *common], env, folder),
               run(cli, ["recipe", "resolve", "recipe.json", "--model", model], env, folder)]
        run(cli, ["study", "study.json", model, "--text", text, "--eval", text, "--project", "p.halftone", "--csv", "study.csv", "--json", *common], env, folder)
        with open(os.path.join(folder, "study.csv"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        out.append([len(line.split(",")) for line in lines])   # as many columns in each line: no comma within a number
        compare("columns of study.csv", set(out[-1]), {out[-1][0]})
        for view in ("outliers", "kernel"):
            run(cli, ["plot", "p.halftone", "--view", view, "--out", view + ".csv"], env, folder)
        run(cli, ["export", "p.halftone", "--format", "dense", "--out", "export", *common], env, folder)
        outputs[locale] = out
        projects[locale] = ({k: v for k, v in written(folder).items() if not k.endswith("study.csv")}, fingerprints(os.path.join(folder, "p.halftone")))
        if os.path.exists(window):
            steps = [{"open": os.path.join(folder, "recipe.json")}, {"quantize": {"text": text}}, {"study": os.path.join(folder, "study.json")},
                     {"plot": "studies", "file": os.path.join(folder, "window", "study.csv"), "pixels": [400, 300]}]
            with open(os.path.join(folder, "steps.json"), "w", encoding="utf-8") as file:
                json.dump(steps, file)
            run(window, ["--script", os.path.join(folder, "steps.json"), "--threads", "1", model], env, folder)
            kept = env["HOME"]
            windows[locale] = ([(name.split("runs/")[-1], value) for name, value in sorted(written(kept).items()) if name.endswith(".h5")], fingerprints(kept))
            if not windows[locale][0]:
                faults.append("the window wrote no block file")
            with open(os.path.join(folder, "window", "study.csv"), encoding="utf-8") as file:
                compare("columns of the window's study.csv", {len(line.split(",")) for line in file.read().splitlines()}, {out[-1][0]})
    for what, of in (("what the command line prints", outputs), ("what the command line writes", projects), ("what the window writes", windows)):
        if of:
            compare(what, of["C.UTF-8"], of["de_DE.UTF-8"])
    # One study, begun in a window that speaks German, is the command line's too.
    if windows:
        studies = [{v for k, v in found if k == "fingerprint"} for found in (projects["C.UTF-8"][1], windows["de_DE.UTF-8"][1])]
        if not studies[0] & studies[1]:
            faults.append("the window's fingerprints are not the command line's")

for fault in faults:
    print("  " + fault)
print(f"{len(faults)} wrong")
sys.exit(1 if faults else 0)
