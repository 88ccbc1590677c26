"""SIGINT, SIGTERM and SIGHUP at every moment once the libraries are mapped (some 15 ms of work before anything of ours can run, and before anything is
written): cancelled (130), and a second one ends it at once."""
import os
import signal
import subprocess
import time


def guarded(pid):
    """Whether the process has its handlers: SIGTERM's bit in the caught ones."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) & 1 << (signal.SIGTERM - 1))
    return False


def seconds_of_work(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def after(bench, seconds, number, *arguments):
    """Signals so long after the handlers are there. @return the exit code, and the work done until they were."""
    process = subprocess.Popen(bench.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not guarded(process.pid) and process.poll() is None:
        time.sleep(0.001)
    work = seconds_of_work(process.pid)
    time.sleep(seconds)
    process.send_signal(number)
    try:
        return process.wait(timeout=60), work
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None, work


def run(bench):
    moments = (0, 0.02, 0.05, 0.09, 0.13, 0.17, 0.2, 0.3) if bench.short else [n / 200 for n in range(120)]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        for n, moment in enumerate(moments):
            code, work = after(bench, moment, number, *bench.quantize(bench.path(f"s{number}-{n}.halftone")))
            bench.check(f"{signal.Signals(number).name} after {moment:.3f} s", code in (0, 130), f"exit {code}")
            bench.check("the handlers come before the libraries' own start", work < 0.1, f"after {work:.2f} s of work")
    # A second one, while the program is at work and has not seen the first yet.
    for n in range(3 if bench.short else 20):
        process = subprocess.Popen(bench.command(*bench.quantize(bench.path(f"t{n}.halftone"))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not guarded(process.pid):
            time.sleep(0.001)
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
    while not guarded(process.pid):
        time.sleep(0.001)
    process.send_signal(signal.SIGHUP)
    bench.check("SIGHUP under nohup", process.wait(timeout=60) == 0)
