"""SIGINT, SIGTERM and SIGHUP at every moment once the libraries are mapped (some 15 ms of work before anything of ours can run, and before anything is
written): cancelled (130), and a second one ends it at once."""
import os
import signal
import subprocess
import time


def after(bench, seconds, number, *arguments):
    process = subprocess.Popen(bench.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # The signal is for the program, not for what Python makes of it before: it is there when its name is.
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with open(f"/proc/{process.pid}/comm", encoding="utf-8") as name:
            if name.read().strip() == os.path.basename(bench.cli)[:15]:
                break
    time.sleep(seconds)
    process.send_signal(number)
    try:
        return process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def run(bench):
    moments = (0.06, 0.09, 0.13, 0.17, 0.2, 0.3) if bench.short else [n / 200 for n in range(12, 120)]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        for n, moment in enumerate(moments):
            code = after(bench, moment, number, *bench.quantize(bench.path(f"s{number}-{n}.halftone")))
            bench.check(f"{signal.Signals(number).name} after {moment:.3f} s", code in (0, 130), f"exit {code}")
    # A second one, while the program is at work and has not seen the first yet.
    for n in range(3 if bench.short else 20):
        process = subprocess.Popen(bench.command(*bench.quantize(bench.path(f"t{n}.halftone"))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.35)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        begun = time.monotonic()
        code = process.wait(timeout=20)
        took = time.monotonic() - begun
        bench.check("a second signal", code in (0, 130) and took < 1, f"exit {code} after {took:.1f} s")
    # Ignored from the start (nohup): it goes on.
    process = subprocess.Popen(bench.command(*bench.quantize(bench.path("nohup.halftone"))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    bench.check("SIGHUP under nohup", process.wait(timeout=60) == 0)
