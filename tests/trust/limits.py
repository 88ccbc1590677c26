"""Limits of a process: the size of a file (ulimit -f) and of its memory (ulimit -v). Each ends as exit 4 with the true reason."""
import os
import resource


def limited(kind, amount):
    return {"preexec_fn": lambda: resource.setrlimit(kind, (amount, amount))}


def run(bench):
    project = bench.path("p.halftone")
    bench.must(*bench.quantize(project))
    out = bench.path("out")
    sizes = (0, 20000) if bench.short else range(0, 400000, 20000)
    for size in sizes:
        for name, command in (("quantize", bench.quantize(bench.path(f"f{size}.halftone"))), ("export", ("export", project, "--format", "dense", "--dtype", "f32", "--out", out))):
            done = bench.run(*command, **limited(resource.RLIMIT_FSIZE, size))
            said = done.stderr
            if done.returncode != 0 or size == 0:
                bench.check(f"{name} with ulimit -f of {size} bytes", done.returncode == 4 and "ulimit -f" in said and "Free some space" not in said, f"exit {done.returncode}: {said.strip()[-300:]}")
            bench.check(f"{name} with ulimit -f of {size} bytes leaves nothing half-written", done.returncode == 0 or not os.path.exists(out))

    # Files that may be open at once (ulimit -n), from what the dynamic linker needs on.
    for number in (4, 6, 8) if bench.short else range(4, 16):
        for name, command in (("quantize", bench.quantize(bench.path(f"n{number}.halftone"))), ("export", ("export", project, "--format", "dense", "--out", bench.path(f"n{number}"))),
                              ("evaluate", ("evaluate", project, "--text", bench.text, "--windows", 1, "--length", 32))):
            done = bench.run(*command, **limited(resource.RLIMIT_NOFILE, number))
            told = done.returncode == 0 or (done.returncode == 4 and "ulimit -n" in done.stderr and "internal error" not in done.stderr)
            bench.check(f"{name} with ulimit -n of {number}", told, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")

    # From what the program just starts with to what it needs. The dynamic linker itself ends a program whose libraries do not fit (127).
    low, step = 300 << 20, (20 if bench.short else 4) << 20
    while bench.run("methods", **limited(resource.RLIMIT_AS, low)).returncode == 127:
        low += step
    learned = bench.write("lrq.json", '{"halftone_recipe": 1, "calibration": {"samples": 8, "length": 64}, "defaults": {"rounding": {"method": "lrq", "steps": 4}, "weights": {"bits": 4}}}')
    few = ("--threads", "2")
    amounts = [low + (n << 20) for n in (0, 60, 120, 180)] if bench.short else range(low, low + (600 << 20), 10 << 20)
    for amount in amounts:
        for name, command in (("methods", ("methods",)), ("quantize", bench.quantize(bench.path(f"v{amount}.halftone"), *few)),
                              ("lrq", ("quantize", bench.model, "--recipe", learned, "--text", bench.text, "--project", bench.path(f"l{amount}.halftone"), *few)),
                              ("export", ("export", project, "--format", "compressed-tensors", "--out", bench.path(f"v{amount}"))),
                              ("evaluate", ("evaluate", project, "--text", bench.text, "--windows", 2, "--length", 64))):
            if bench.short and name == "lrq" and amount != amounts[2]:
                continue   # the slowest; where it runs short, so does quantize
            done = bench.run(*command, **limited(resource.RLIMIT_AS, amount))
            told = done.returncode == 0 or (done.returncode == 4 and "memory" in done.stderr and "internal error" not in done.stderr)
            bench.check(f"{name} with ulimit -v of {amount >> 20} MiB", told, f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
