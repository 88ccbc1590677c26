"""Limits of a process: the size of a file (ulimit -f) and of its memory (ulimit -v). Each ends as exit 4 with the true reason."""
import json
import os
import resource


def limited(kind, amount):
    return {"preexec_fn": lambda: resource.setrlimit(kind, (amount, amount))}


def every_command(bench, project):
    """Each command where little of one thing is left: it ends by itself within a minute, done or as exit 4 with a sentence."""
    bench.must("analyze", bench.model, "--text", bench.text, "--project", project, "--windows", "1", "--length", "32", "-q")
    bench.must("evaluate", project, "--text", bench.text, "--windows", "1", "--length", "32", "-q")
    study = bench.write("study.json", json.dumps({
        "halftone_study": 1, "model": bench.model, "calibration_text": bench.text, "evaluation": {"texts": [bench.text], "windows": 1, "length": 32},
        "base": {"halftone_recipe": 1, "calibration": {"samples": 2, "length": 32}}, "axes": {"methods": [{"name": "RTN", "rounding": {"method": "rtn"}}], "weight_bits": [4], "groups": [32]}}))
    commands = {
        "inspect": ("inspect", bench.model), "tokenize": ("tokenize", bench.model, "--text", bench.text), "formats": ("formats",), "architectures": ("architectures",),
        "analyze": ("analyze", bench.model, "--text", bench.text, "--windows", "1", "--length", "32", "-q"), "recipe": ("recipe", "resolve", bench.recipe, "--model", bench.model),
        "run list": ("run", "list", project), "run note": ("run", "note", project + "#run-001", "a note"), "copy": ("project", "copy", project, "@copy.halftone"),
        "study": ("study", study, "--csv", "@table.csv", "-q"), "plot": ("plot", project, "--view", "outliers", "--out", "@picture.png"), "plot run": ("plot", project, "--view", "run", "--out", "@run.svg"),
        "plot weights": ("plot", project, "--view", "weights", "--out", "@weights.pdf"), "plot csv": ("plot", project, "--view", "outliers", "--out", "@table-of-it.csv")}
    size = [("v", resource.RLIMIT_AS, n << 20) for n in ((540,) if bench.short else range(400, 1000, 20))]
    files = [("n", resource.RLIMIT_NOFILE, n) for n in ((5,) if bench.short else range(4, 24))]
    length = [("f", resource.RLIMIT_FSIZE, n) for n in ((1000,) if bench.short else (0, 1, 100, 1000, 10_000, 100_000))]
    # In the short part each limit is tried with what has a way of its own to it; the others share theirs with these or with those below.
    few = {"v": ("study", "plot"), "n": ("tokenize", "analyze", "run note", "copy", "study", "plot"), "f": ("study", "copy", "plot csv")}
    for kind, limit, amount in size + files + length:
        for name, command in commands.items():
            if bench.short and name not in few[kind]:
                continue
            fresh = f"{kind}{amount}-"
            done = bench.run(*(bench.path(fresh + word[1:]) if word.startswith("@") else word for word in map(str, command)), seconds=60, **limited(limit, amount))
            linker = done.returncode == 127 and "error while loading shared libraries" in done.stderr
            told = linker or done.returncode == 0 or (done.returncode == 4 and done.stderr.strip() and "internal error" not in done.stderr)
            bench.check(f"{name} with ulimit -{kind} of {amount}", told, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")


def run(bench):
    if bench.short:   # limits are met while reading and writing: what lies between may be quick
        bench.recipe = bench.write("recipe.json", json.dumps({"halftone_recipe": 1, "calibration": {"samples": 4, "length": 32}, "defaults": {"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}}}))
    project = bench.path("p.halftone")
    bench.must(*bench.quantize(project))
    out = bench.path("out")
    sizes = (0, 20000) if bench.short else range(0, 400000, 20000)
    for size in sizes:
        for name, command in (("quantize", bench.quantize(bench.path(f"f{size}.halftone"))), ("export", ("export", project, "--format", "dense", "--dtype", "f32", "--out", out))):
            if bench.short and (size == 0) != (name == "quantize"):
                continue   # one at its first byte, the other in the middle
            done = bench.run(*command, **limited(resource.RLIMIT_FSIZE, size))
            said = done.stderr
            if done.returncode != 0 or size == 0:
                bench.check(f"{name} with ulimit -f of {size} bytes", done.returncode == 4 and "ulimit -f" in said and "Free some space" not in said, f"exit {done.returncode}: {said.strip()[-300:]}")
            bench.check(f"{name} with ulimit -f of {size} bytes leaves nothing half-written", done.returncode == 0 or not os.path.exists(out))

    # Files that may be open at once (ulimit -n), from what the dynamic linker needs on.
    for number in (6,) if bench.short else range(4, 16):
        for name, command in (("quantize", bench.quantize(bench.path(f"n{number}.halftone"))), ("export", ("export", project, "--format", "dense", "--out", bench.path(f"n{number}"))),
                              ("evaluate", ("evaluate", project, "--text", bench.text, "--windows", 1, "--length", 32))):
            done = bench.run(*command, **limited(resource.RLIMIT_NOFILE, number))
            told = done.returncode == 0 or (done.returncode == 4 and "ulimit -n" in done.stderr and "internal error" not in done.stderr)
            bench.check(f"{name} with ulimit -n of {number}", told, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")

    every_command(bench, project)

    # From what the program just starts with to what it needs. The dynamic linker itself ends a program whose libraries do not fit (127).
    low, step = 300 << 20, (40 if bench.short else 4) << 20
    while bench.run("methods", **limited(resource.RLIMIT_AS, low)).returncode == 127:
        low += step
    learned = bench.write("lrq.json", '{"halftone_recipe": 1, "calibration": {"samples": 8, "length": 64}, "defaults": {"rounding": {"method": "lrq", "steps": 4}, "weights": {"bits": 4}}}')
    few = ("--threads", "2")
    amounts = [low + (n << 20) for n in (0, 100)] if bench.short else range(low, low + (600 << 20), 10 << 20)
    for amount in amounts:
        for name, command in (("methods", ("methods",)), ("quantize", bench.quantize(bench.path(f"v{amount}.halftone"), *few)),
                              ("lrq", ("quantize", bench.model, "--recipe", learned, "--text", bench.text, "--project", bench.path(f"l{amount}.halftone"), *few)),
                              ("export", ("export", project, "--format", "compressed-tensors", "--out", bench.path(f"v{amount}"))),
                              ("evaluate", ("evaluate", project, "--text", bench.text, "--windows", 2, "--length", 64))):
            if bench.short and name == "lrq" and amount != amounts[1]:
                continue   # the slowest; where it runs short, so does quantize
            done = bench.run(*command, **limited(resource.RLIMIT_AS, amount))
            told = done.returncode == 0 or (done.returncode == 4 and "memory" in done.stderr and "internal error" not in done.stderr)
            bench.check(f"{name} with ulimit -v of {amount >> 20} MiB", told, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
