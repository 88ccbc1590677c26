#!/usr/bin/env python3
"""The batteries of trust: the command line is killed, starved and fed with hostile files, and what it leaves is looked at.

    trust.py --cli HALFTONE_CLI [--short] [--only PART ...] [--data tests/data] [--work FOLDER]

Exit 0: everything held; 1: what did not is printed; 77: a part could not be tried here, and why is printed. --short is at most three minutes in all.
A part is a module beside this file with a function run(bench).
"""
import argparse
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ["kill", "disk", "limits", "signals", "named_files"]


class Skip(Exception):
    """A part that this machine does not allow."""


class Bench:
    """One part's scratch folder, model, text and recipe, and the tally of what held."""

    def __init__(self, part, cli, data, work, short):
        self.part, self.cli, self.short = part, os.path.abspath(cli), short
        self.model = os.path.join(data, "model", "tiny-llama")
        self.text = os.path.join(data, "model", "tiny-text.txt")
        self.work = os.path.abspath(work)
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.held, self.failed = 0, []
        self.recipe = self.write("recipe.json", json.dumps({
            "halftone_recipe": 1, "calibration": {"samples": 40, "length": 128},
            "defaults": {"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}}}))

    def path(self, *names):
        return os.path.join(self.work, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def check(self, what, holds, why=""):
        """`why` is said where it does not hold."""
        if holds:
            self.held += 1
        else:
            self.failed.append(f"{what}: {why}" if why else what)
        return holds

    def command(self, *arguments):
        return [self.cli, *map(str, arguments)]

    def run(self, *arguments, seconds=240, **more):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, errors="replace", timeout=seconds, check=False, **more)

    def must(self, *arguments, **more):
        """For what a case needs before it begins."""
        done = self.run(*arguments, **more)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
        return done

    def killed_after(self, seconds, *arguments):
        """Starts it, kills it that much later. @return its exit code, negative where the kill came before its end."""
        process = subprocess.Popen(self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def quantize(self, project, *more):
        return ("quantize", self.model, "--recipe", self.recipe, "--text", self.text, "--project", project, *more)

    def seconds_of(self, *arguments):
        begun = time.monotonic()
        self.must(*arguments)
        return time.monotonic() - begun


def files_below(folder):
    """Every file below a folder with the hash of its bytes."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cli", required=True)
    parser.add_argument("--data", default=os.path.join(HERE, "..", "data"))
    parser.add_argument("--work", default="trust-work")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS)
    arguments = parser.parse_args()
    sys.path.insert(0, HERE)
    bad, skipped = False, 0
    for part in arguments.only:
        begun = time.monotonic()
        bench = Bench(part, arguments.cli, os.path.abspath(arguments.data), os.path.join(arguments.work, part), arguments.short)
        try:
            importlib.import_module(part).run(bench)
        except Skip as reason:
            skipped += 1
            print(f"{part}: skipped: {reason}")
            continue
        for failure in bench.failed:
            print(f"{part}: {failure}")
        print(f"{part}: {bench.held} held, {len(bench.failed)} did not; {time.monotonic() - begun:.0f} s")
        bad = bad or bool(bench.failed)
        if not bench.failed:
            shutil.rmtree(bench.work, ignore_errors=True)
    return 1 if bad else 77 if skipped == len(arguments.only) else 0


if __name__ == "__main__":
    # The parts import this module by its name; one of it is enough.
    sys.modules["trust"] = sys.modules["__main__"]
    sys.exit(main())
