"""SIGKILL at moments spread over a run and over an export that replaces another: nothing is lost, and the next start goes on."""
import os
import shutil

from trust import files_below


def blocks(project, run="run-001"):
    return {name: value for name, value in files_below(os.path.join(project, "runs", run)).items() if name.endswith(".h5")}


def runs(bench):
    whole = bench.path("whole.halftone")
    seconds = bench.seconds_of(*bench.quantize(whole))
    expected = blocks(whole)
    times = 4 if bench.short else 40
    for n in range(times):
        project = bench.path(f"k{n}.halftone")
        at = seconds * (n + 0.5) / times
        code = bench.killed_after(at, *bench.quantize(project, "--resume"))
        again = bench.run(*bench.quantize(project, "--resume"))
        name = f"quantize killed after {at:.2f} s (exit {code})"
        if not bench.check(name, again.returncode == 0, again.stderr.strip()[-200:]):
            continue
        made = sorted(os.listdir(os.path.join(project, "runs")))
        bench.check(name, all(blocks(project, run) == expected for run in made[-1:]), "the resumed run differs")
        shutil.rmtree(project)


def exports(bench):
    project = bench.path("whole.halftone")
    out = bench.path("out")
    fresh = {}
    for form in ("dense", "compressed-tensors"):
        bench.must("export", project, "--format", form, "--out", bench.path(form))
        fresh[form] = files_below(bench.path(form))
    seconds = bench.seconds_of("export", project, "--format", "dense", "--out", out)
    forms = ["compressed-tensors", "dense"]
    times = 6 if bench.short else 60
    for n in range(times):
        form = forms[n % 2]
        at = seconds * (0.3 + 0.75 * n / times)
        bench.killed_after(at, "export", project, "--format", form, "--out", out, "--overwrite")
        name = f"a replacing export killed after {at:.2f} s"
        there = {file: value for file, value in files_below(out).items() if not file.startswith(".")}
        bench.check(name, there in fresh.values(), f"{out} is neither the old export nor the new one")
        again = bench.run("export", project, "--format", form, "--out", out, "--overwrite")
        bench.check(name, again.returncode == 0 and files_below(out) == fresh[form], f"the next one ends with {again.returncode}: {again.stderr.strip()[-200:]}")
        left = [entry for entry in os.listdir(bench.work) if entry.strip(".").startswith("out") and entry != "out"]
        bench.check(name, not left, f"left {left}")


def run(bench):
    runs(bench)
    exports(bench)
