"""What a command is told to write: nothing that stands there, and nothing that the command reads, is lost; what cannot be written out ends as exit 4."""
import json
import os
import shutil
import subprocess


def study_of(bench, folder, **more):
    os.makedirs(folder, exist_ok=True)
    shutil.copy(bench.text, os.path.join(folder, "text.txt"))
    path = os.path.join(folder, "study.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"halftone_study": 1, "model": bench.model, "calibration_text": "text.txt", "evaluation": {"texts": ["text.txt"], "windows": 1, "length": 32},
                   "base": {"halftone_recipe": 1, "calibration": {"samples": 2, "length": 32}},
                   "axes": {"methods": [{"name": "RTN", "rounding": {"method": "rtn"}}], "weight_bits": [4], "groups": [32]}, **more}, file)
    return path


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def standing(bench, project):
    """Files that stand where something is to be written."""
    study = study_of(bench, bench.path("study"))
    text = os.path.join(os.path.dirname(study), "text.txt")
    picture = bench.write("picture.png", "mine")
    table = bench.write("table.csv", "mine")
    window = os.path.join(os.path.dirname(bench.cli), "halftone")
    offscreen = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": bench.path("home"), "XDG_CONFIG_HOME": bench.path("home"), "XDG_DATA_HOME": bench.path("home")}
    cases = [("plot over a file", ("plot", project, "--view", "tradeoff", "--out", picture), picture),
             ("study over a file", ("study", study, "--csv", table, "-q"), table),
             ("study over itself", ("study", study, "--csv", study, "--overwrite", "-q"), study),
             ("study over its text", ("study", study, "--csv", text, "--overwrite", "-q"), text),
             ("study over a link to its text", ("study", study, "--csv", bench.path("link.csv"), "--overwrite", "-q"), text),
             ("study over the text that is named", ("study", study, "--eval", bench.path("other.txt"), "--csv", bench.path("other.txt"), "--overwrite", "-q"), bench.path("other.txt")),
             ("plot over the manifest", ("plot", project, "--view", "tradeoff", "--out", os.path.join(project, "manifest.json"), "--overwrite"), os.path.join(project, "manifest.json")),
             ("export into the project", ("export", project, "--format", "dense", "--out", os.path.join(project, "runs", "out")), os.path.join(project, "manifest.json")),
             ("export without a name", ("export", project, "--format", "dense", "--out", ""), os.path.join(project, "manifest.json")),
             ("a copy without a name", ("project", "copy", project, ""), os.path.join(project, "manifest.json"))]
    shutil.copy(bench.text, bench.path("other.txt"))
    os.link(text, bench.path("link.csv"))
    for name, command, path in cases:
        before = bytes_of(path)
        done = bench.run(*command)
        bench.check(name, done.returncode == 3 and "internal error" not in done.stderr and bytes_of(path) == before, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
    bench.check("export into the project", os.listdir(os.path.join(project, "runs")) == ["run-001"])
    if os.path.exists(window):
        done = subprocess.run([window, "--screenshot", picture], capture_output=True, text=True, errors="replace", env=offscreen, timeout=120, check=False)
        bench.check("--screenshot over a file", done.returncode == 3 and bytes_of(picture) == b"mine", f"exit {done.returncode}: {done.stderr[-200:]}")
        done = subprocess.run([window, "--screenshot", picture, "--overwrite"], capture_output=True, text=True, errors="replace", env=offscreen, timeout=120, check=False)
        bench.check("--screenshot --overwrite", done.returncode == 0 and bytes_of(picture).startswith(b"\x89PNG"), f"exit {done.returncode}: {done.stderr[-200:]}")
    done = bench.run("project", "copy", project, "beside.halftone", cwd=bench.work)   # a name without a folder
    bench.check("a copy in the folder worked in", done.returncode == 0 and os.path.exists(bench.path("beside.halftone", "manifest.json")), done.stderr.strip()[-200:])


def changed_export(bench, project):
    out = bench.path("out")
    export = ("export", project, "--format", "dense", "--out", out, "--overwrite", "-q")
    bench.must(*export)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        path = os.path.join(out, name)
        whole = bytes_of(path)
        with open(path, "ab") as file:
            file.write(b" ")
        done = bench.run(*export)
        bench.check(f"an export whose {name} was changed", done.returncode == 3 and name in done.stderr and bytes_of(path) == whole + b" ", f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
        with open(path, "wb") as file:
            file.write(whole)
    bench.must(*export)


def odd_names(bench):
    """A study whose paths hold what its formats use as marks, or are no UTF-8."""
    for name in ("a#b", "a;b", "a b ", "a\nb", "a\udce9b"):
        folder = bench.path("s" + name)
        study = study_of(bench, folder)
        text = os.path.join(folder, name + ".txt")
        shutil.copy(bench.text, text)
        command = ("study", study, "--text", text, "--eval", text, "--csv", os.path.join(folder, "t.csv"), "-q")
        done = bench.run(*command)
        bench.check(f"a study in {name!r}", done.returncode == 0, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
        done = bench.run(*command, "--overwrite", "--resume")
        bench.check(f"a study in {name!r}, again", done.returncode == 0 and "study-001" in done.stdout, f"exit {done.returncode}: {done.stdout[-100:]} {done.stderr.strip()[-200:]}")


def output(bench, project):
    evaluate = ("evaluate", project, "--text", bench.text, "--windows", "1", "--length", "32", "-q")
    for name, command in (("methods", ("methods",)), ("help", ("quantize", "--help")), ("inspect --json", ("inspect", bench.model, "--json")), ("evaluate", evaluate), ("evaluate --json", (*evaluate, "--json"))):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(bench.command(*command), stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        bench.check(f"{name} onto a full disk", done.returncode == 4 and "standard output" in done.stderr, f"exit {done.returncode}: {done.stderr[-200:]}")
        reader, writer = os.pipe()
        os.close(reader)   # as "| head" does
        done = subprocess.run(bench.command(*command), stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        os.close(writer)
        bench.check(f"{name} to a reader that has left", done.returncode == 0 and "standard output" not in done.stderr, f"exit {done.returncode}: {done.stderr[-200:]}")
    # With the standard streams closed, files that are opened must not take their place.
    closed = bench.path("closed.halftone")
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *bench.command(*bench.quantize(closed))]
    done = subprocess.run(command, timeout=240, check=False)
    bench.check("standard streams closed", done.returncode == 0 and bench.run("evaluate", closed, *evaluate[2:]).returncode == 0, f"exit {done.returncode}")


def run(bench):
    bench.recipe = bench.write("recipe.json", json.dumps({"halftone_recipe": 1, "calibration": {"samples": 4, "length": 32},
                                                          "defaults": {"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}}}))
    project = bench.path("p.halftone")
    bench.must(*bench.quantize(project))
    standing(bench, project)
    changed_export(bench, project)
    odd_names(bench)
    output(bench, project)
