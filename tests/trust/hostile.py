#!/usr/bin/env python3
"""hostile.py CLI DATA [--only WORD]: files as a stranger may send them, made here byte by byte, given to every command that reads them.

Of each it is asked: the exit code is the contract's (0, 3 or 4 where said; never a crash, never "internal error"), it ends within seconds and
within memory, nothing that a terminal obeys or a reader does not see is printed, a refusal is one sentence that is not endless and names its
file with its folder. DATA is tests/data. Prints what is not right, and "N tried, N wrong"; exit 1 where something is.
"""
import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import hdf5_bytes

SECONDS = 60
MEMORY = 900 << 20           # LibTorch alone takes 200 to 300 MiB
MESSAGE = 4000
ESCAPE = "\x1b[2J\x1b]0;owned\x07\u202e\u200b\x9b1m"
# what shownText() writes out: control characters but line ends and tabs, bidirectional marks, zero-width characters, tags
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")

parser = argparse.ArgumentParser()
parser.add_argument("cli")
parser.add_argument("data")
parser.add_argument("--only", default="", help="cases whose name holds this word")
options = parser.parse_args()
cli = os.path.abspath(options.cli)
llama = os.path.join(os.path.abspath(options.data), "model", "tiny-llama")
text = os.path.join(os.path.abspath(options.data), "model", "tiny-text.txt")
top = tempfile.mkdtemp(prefix="halftone-hostile-")
tried, wrong = 0, []


def limited():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(*arguments):
    """(exit code, stdout, stderr, peak bytes); -9 where it had to be killed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([os.fsencode(a) if isinstance(a, str) else a for a in [cli, *arguments]], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=err, preexec_fn=limited)
        deadline = time.monotonic() + SECONDS
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.01)
        process.returncode = 0
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(errors="backslashreplace"), err.read().decode(errors="backslashreplace"), usage.ru_maxrss * 1024


def check(name, arguments, codes=(3,), names=None, says=""):
    """One command; `names`: a path that the refusal must hold, `says`: a word."""
    global tried
    if options.only not in name:
        return
    tried += 1
    code, out, err, peak = run(*arguments)
    faults = []
    if code not in codes:
        faults.append(f"exit {code}")
    if "internal error" in err:
        faults.append("internal error")
    if peak > MEMORY:
        faults.append(f"{peak >> 20} MiB")
    hidden = HIDDEN.search(out + err)
    if hidden:
        faults.append(f"prints {hidden.group()!r}")
    if len(err) > MESSAGE:
        faults.append(f"{len(err)} bytes of complaint")
    if code != 0 and names and names not in err:
        faults.append(f"does not name {names}")
    if code != 0 and says and says not in err:
        faults.append(f"does not say \"{says}\"")
    if faults:
        wrong.append(f"{name}: {', '.join(faults)}\n      {' '.join(map(str, arguments))[:200]}\n      {err.strip()[-300:]!r}")


def fresh(name, source=None):
    folder = os.path.join(top, re.sub(r"\W+", "-", name))
    if source:
        shutil.copytree(source, folder, symlinks=True)
    else:
        os.makedirs(folder)
    return folder


def write(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def edit_json(path, change):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    change(document)
    return write(path, json.dumps(document))


# ---- a project

recipe = write(os.path.join(top, "recipe.json"), json.dumps({
    "halftone_recipe": 1, "calibration": {"samples": 4, "length": 32}, "defaults": {"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}}}))
project = os.path.join(top, "whole.halftone")
for arguments in (["quantize", llama, "--recipe", recipe, "--text", text, "--project", project, "--quiet"],
                  ["analyze", llama, "--text", text, "--windows", "1", "--length", "32", "--project", project, "--quiet"]):
    code, _, err, _ = run(*arguments)
    if code:
        sys.exit(f"the whole project cannot be made: {err}")


def entry_of(manifest, path):
    """The manifest's entry of a file, wherever it stands."""
    if isinstance(manifest, dict):
        if manifest.get("file") == path:
            return manifest
        manifest = list(manifest.values())
    if isinstance(manifest, list):
        for part in manifest:
            found = entry_of(part, path)
            if found:
                return found
    return None


def with_image(name, folder, change):
    """A copy of the project in which the first file of runs/ or stats/ is what `change` makes of its bytes; the manifest vouches for it."""
    copy = fresh(name + ".halftone", project)
    files = sorted(os.path.relpath(os.path.join(at, f), copy) for at, _, found in os.walk(os.path.join(copy, folder)) for f in found if f.endswith(".h5"))
    path = os.path.join(copy, files[0])
    with open(path, "rb") as file:
        image = bytearray(file.read())
    image = change(image)
    write(path, bytes(image))

    def vouch(manifest):
        entry = entry_of(manifest, files[0])
        entry["bytes"] = len(image)
        entry["sha256"] = hashlib.sha256(image).hexdigest()
    edit_json(os.path.join(copy, "manifest.json"), vouch)
    return copy, path


def u64(image, at):
    return struct.unpack_from("<Q", image, at)[0]


def objects(image):
    """(address of the header, address of the entry that names it) of all objects, and (tree, heap) of all groups."""
    found, groups = [], []

    def header(at, entry):
        found.append((at, entry))
        for kind, data, _ in messages(image, at):
            if kind == 0x11:
                groups.append((u64(image, data), u64(image, data + 8)))
                node(u64(image, data))

    def node(at):
        for i in range(struct.unpack_from("<H", image, at + 6)[0]):
            child = u64(image, at + 32 + 16 * i)
            if image[at + 5]:
                node(child)
                continue
            for j in range(struct.unpack_from("<H", image, child + 6)[0]):
                header(u64(image, child + 16 + 40 * j), child + 8 + 40 * j)
    header(u64(image, 64), 56)
    return found, groups


def messages(image, at):
    """(type, address of the data, bytes) of each message of an object's header."""
    blocks, all_of_them = [(at + 16, struct.unpack_from("<I", image, at + 8)[0])], []
    for begin, length in blocks:
        place = begin
        while place + 8 <= begin + length:
            kind, size = struct.unpack_from("<HH", image, place)
            all_of_them.append((kind, place + 8, size))
            if kind == 0x10:
                blocks.append((u64(image, place + 8), u64(image, place + 16)))
            place += 8 + size
    return all_of_them


def patched(at, value):
    def change(image):
        place = at(image) if callable(at) else at
        image[place:place + len(value)] = value
        return image
    return change


def first_message(kind, offset=0):
    return lambda image: next(data + offset for at, _ in objects(image)[0] for k, data, _ in messages(image, at) if k == kind)


def second_link(image):
    """The second member of the last group becomes the first once more; its count of links stays one."""
    members = [entry for _, entry in objects(image)[0]][1:]
    image[members[1] + 8:members[1] + 16] = image[members[0] + 8:members[0] + 16]
    return image


def link_kind(kind):
    def change(image):
        entry = objects(image)[0][1][1]
        image[entry + 16:entry + 20] = struct.pack("<I", kind)
        return image
    return change


def circle(image):
    """A group that holds the root."""
    member = objects(image)[0][1][1]
    image[member + 8:member + 16] = image[64:72]
    return image


WORD = b"\xff" * 8
hdf5 = {
    "external storage": patched(lambda image: first_message(0x0c)(image) - 8, b"\x07"),
    "shared message table": patched(lambda image: first_message(0x0c)(image) - 8, b"\x0f"),
    "shared message": patched(lambda image: first_message(0x03)(image) - 4, b"\x02"),
    "soft link": link_kind(2),
    "second hard link": second_link,
    "circle": circle,
    "heap nowhere": patched(first_message(0x11, 8), WORD),
    "index nowhere": patched(first_message(0x11), WORD),
    "virtual layout": patched(first_message(0x08, 1), b"\x03"),
    "compact layout": patched(first_message(0x08, 1), b"\x00"),
    "newer layout": patched(first_message(0x08), b"\x04"),
    "layout nowhere": patched(first_message(0x08, 2), WORD),
    "huge space": patched(first_message(0x01, 8), struct.pack("<Q", 1 << 40)),
    "huge rank": patched(first_message(0x01, 1), b"\xff"),
    "vlen type": patched(first_message(0x03), b"\x19"),
    "reference type": patched(first_message(0x03), b"\x17"),
    "attribute of no type": patched(first_message(0x0c, 16), b"\x1f"),
    "huge attribute": patched(first_message(0x0c, 2), b"\xff\xff"),
    "newer superblock": patched(8, b"\x03"),
    "other base": patched(24, struct.pack("<Q", 512)),
    "driver block": patched(48, struct.pack("<Q", 96)),
    "root nowhere": patched(64, WORD),
    "cut": lambda image: image[:len(image) // 2],
    "only a signature": lambda image: image[:8],
    "no HDF5": lambda image: bytearray(b"hello"),
    "zeros": lambda image: bytearray(1 << 20),
}
for name, change in hdf5.items():
    for folder, command in (("runs", ["export", None, "--format", "dense", "--out", None, "--quiet"]), ("runs", ["evaluate", None, "--text", text, "--windows", "1", "--length", "32", "--quiet"])):
        copy, path = with_image(f"hdf5 {name} {command[0]}", folder, change)
        check(f"hdf5: {name}, {command[0]}", [copy if a is None and i == 1 else os.path.join(top, "out-" + re.sub(r"\W+", "-", name)) if a is None else a for i, a in enumerate(command)],
              names=path)
    copy, path = with_image(f"hdf5 stats {name}", "stats", change)
    check(f"hdf5: {name}, statistics", ["plot", copy, "--view", "outliers", "--out", os.path.join(top, "picture.png")], codes=(3,), names=path)


secret = write(os.path.join(top, "secret"), b"a secret of this machine " * 40)


def links_to_one(image):
    one = image.zeros(1, 64)
    return [(f"linear-{i:06}", one) for i in range(100_000)]


made = {
    "external storage": lambda image: [("linear-000", image.external(secret, 1000))],
    "a bomb of one dataset": lambda image: [("linear-000", image.zeros(1600))],
    "a bomb of many datasets": lambda image: [(f"linear-{i:03}", image.zeros(16)) for i in range(100)],
    "100,000 links to one": links_to_one,
}
for name, links in made.items():
    def build(_, links=links):
        image = hdf5_bytes.Image()
        members = links(image)
        return image.finish(members, {"version": 1, "block": 0, "linears": len(members), "sites": min(len(members), 4096), "weights": 0})
    out = os.path.join(top, "made-" + re.sub(r"\W+", "-", name))
    copy, path = with_image(f"made {name}", "runs", build)
    check(f"hdf5: {name}, export", ["export", copy, "--format", "dense", "--out", out, "--quiet"], names=path)
    check(f"hdf5: {name}, evaluate", ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32", "--quiet"], names=path)
    copy, path = with_image(f"made stats {name}", "stats", build)
    check(f"hdf5: {name}, statistics", ["plot", copy, "--view", "outliers", "--out", os.path.join(top, "picture.png")], names=path)
for at, _, files in os.walk(top):
    for file in files:
        if os.path.basename(at).startswith(("out-", "made-")) and not at.endswith("halftone") and b"a secret of this machine" in open(os.path.join(at, file), "rb").read():
            wrong.append(f"a file of this machine is in {at}/{file}")


# ---- what asks for more than it is long

keys = ",".join(f'"{i}":0' for i in range(2_100_000))
copy = fresh("many keys.halftone", project)
whole = open(os.path.join(copy, "manifest.json"), encoding="utf-8").read().rstrip()
manifest = write(os.path.join(copy, "manifest.json"), whole[:-1] + ',"more":{' + keys + "}}")
for arguments in (["run", "list", copy], ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32"], ["export", copy, "--format", "dense", "--out", os.path.join(top, "out-keys")]):
    check(f"manifest of many keys: {arguments[0]}", arguments, names=manifest, says="2000000 values")
copy = fresh("parts.halftone", project)
identity = json.load(open(os.path.join(copy, "manifest.json"), encoding="utf-8"))["model_identity"]["file"]
content = b'{"halftone_model":1,"parts":[' + b"[]," * 5_100_000 + b"[]]}"
write(os.path.join(copy, identity), content)
edit_json(os.path.join(copy, "manifest.json"), lambda m: m["model_identity"].update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest()))
check("list of a model's parts without end", ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32"], names=os.path.join(copy, identity), says="5000000 values")
copy = fresh("template", llama)
edit_json(os.path.join(copy, "tokenizer.json"), lambda t: t.update(post_processor={
    "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}] * 100_000, "pair": [], "special_tokens": {"x": {"id": "x", "ids": [1] * 100_000, "tokens": ["x"] * 100_000}}}))
check("tokenizer: a template without end", ["tokenize", copy, "--text", text], names=os.path.join(copy, "tokenizer.json"), says="4096 tokens")

# ---- folders and files that say of themselves that an export left them, or that they are a lock


def planted(name, mark, make):
    """A place to export to beside which such a folder lies; what is the user's is in mine/."""
    at = fresh("planted " + name)
    os.makedirs(os.path.join(at, "mine", "sub"))
    write(os.path.join(at, "mine", "sub", "file"), "mine")
    os.mkdir(os.path.join(at, "out.partial"))
    write(os.path.join(at, "out.partial", ".halftone-partial"), mark)
    make(at)
    return at


for name, mark, make in (("link", "replaced\nlink/sub/file\nlink/sub\n", lambda at: os.symlink("../mine", os.path.join(at, "out.partial", "link"))),
                         ("sibling", "set aside for mine\n", lambda at: None),
                         ("sibling above", "set aside for ../planted-sibling-above/mine\n", lambda at: None)):
    at = planted(name, mark, make)
    check(f"planted {name}", ["export", project, "--format", "dense", "--out", os.path.join(at, "out"), "--quiet"], codes=(3, 4), names=os.path.join(at, "out"))
    if not options.only and not os.path.exists(os.path.join(at, "mine", "sub", "file")):
        wrong.append(f"planted {name}: what was mine is gone")
for kind in ("file", "FIFO", "folder", "link", "json"):
    at = fresh("planted lock " + kind)
    lock = os.path.join(at, ".out.partial-lock")
    copy = fresh(f"planted lock {kind}.halftone", project)
    for place in (lock, os.path.join(copy, "lock"), os.path.join(copy, "evaluations.json.lock")):
        if kind == "FIFO":
            os.mkfifo(place)
        elif kind == "folder":
            os.mkdir(place)
        elif kind == "link":
            os.symlink(write(place + "-target", ""), place)
        else:
            write(place, '{"pid": 1, "mine": 1}' if kind == "json" else "mine")
    check(f"lock as {kind}: export", ["export", project, "--format", "dense", "--out", os.path.join(at, "out"), "--quiet"], names=lock, says="move it away")
    check(f"lock as {kind}: quantize", ["quantize", llama, "--recipe", recipe, "--text", text, "--project", copy, "--quiet"], names=os.path.join(copy, "lock"), says="move it away")
    os.rmdir(os.path.join(copy, "lock")) if kind == "folder" else os.remove(os.path.join(copy, "lock"))
    check(f"lock as {kind}: evaluate", ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32", "--quiet"], codes=(0,))   # shown, not kept
    if kind in ("file", "json") and not options.only and not (open(lock).read() and open(os.path.join(copy, "evaluations.json.lock")).read()):
        wrong.append(f"lock as {kind}: what was mine is gone")


def block_path(copy, which=0):
    folder = os.path.join(copy, "runs", "run-001")
    return os.path.join(folder, sorted(os.listdir(folder))[which])


for kind, which in (("FIFO", 0), ("link to /dev/zero", 0), ("folder", 0), ("missing", 0), ("FIFO", -1), ("folder", -1)):   # the last one is locked while it is read
    copy = fresh(f"block {which} as {kind}.halftone", project)
    path = block_path(copy, which)
    os.remove(path)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind.startswith("link"):
        os.symlink("/dev/zero", path)
    check(f"block {which} as {kind}: export", ["export", copy, "--format", "dense", "--out", os.path.join(top, "out-kind"), "--quiet"], names=path)
    if which == -1:
        check(f"block {which} as {kind}: copy", ["project", "copy", copy, os.path.join(top, "out-copy.halftone")], names=path)
        check(f"block {which} as {kind}: delete", ["run", "delete", copy + "#run-001", "--yes"], codes=(0, 3))

for file in ("manifest.json", "journal.log", "lock", "cache/evaluations.json"):
    for kind in ("FIFO", "folder", "loop"):
        copy = fresh(f"{file} as {kind}.halftone", project)
        path = os.path.join(copy, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.remove(path)
        if kind == "FIFO":
            os.mkfifo(path)
        elif kind == "folder":
            os.mkdir(path)
        else:
            os.symlink(os.path.basename(path), path)
        codes = (3,) if file == "manifest.json" else (0, 3, 4)
        check(f"{file} as {kind}: evaluate", ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32", "--quiet"], codes=codes, names=copy)
        check(f"{file} as {kind}: export", ["export", copy, "--format", "dense", "--out", os.path.join(top, "out-part-" + kind), "--overwrite", "--quiet"], codes=codes, names=copy)

# ---- text that a terminal obeys, text that is no UTF-8

copy = fresh("recipe")
for name, content in {
    "method": {"defaults": {"rounding": {"method": ESCAPE}}},
    "key": {ESCAPE: 1},
    "match": {"rules": [{"match": ESCAPE + "*", "weights": {"bits": 4}}]},
    "long match": {"rules": [{"match": "x" * 200_000, "weights": {"bits": 4}}]},
    "contract": {"contract": ESCAPE},
    "no match": {"rules": [{"match": "*.nothing", "weights": {"bits": 4}}]},
}.items():
    path = write(os.path.join(copy, name.replace(" ", "-") + ".json"), json.dumps({"halftone_recipe": 1, **content}, ensure_ascii=False))
    for command in ("check", "resolve"):
        check(f"recipe: {name}, {command}", ["recipe", command, path, "--model", llama], codes=(0, 3), names=path)
    check(f"recipe: {name}, quantize", ["quantize", llama, "--recipe", path, "--text", text, "--project", os.path.join(top, f"r-{name}.halftone"), "--quiet"], codes=(0, 3), names=path)
check("recipe: Latin-1", ["recipe", "check", write(os.path.join(copy, "latin.json"), b'{"halftone_recipe": 1, "contract": "\xe9"}'), "--model", llama], names=copy)

copy = fresh("study")
path = write(os.path.join(copy, "study.json"), json.dumps({
    "halftone_study": 1, "model": llama, "calibration": {"text": text, "samples": 2, "length": 32}, "windows": 1, "length": 32, "evaluate": [{"name": ESCAPE, "text": text}],
    "recipes": [{"name": ESCAPE + "W4", "recipe": {"halftone_recipe": 1, "defaults": {"weights": {"bits": 4}, "rounding": {"method": "rtn"}}}}]}, ensure_ascii=False))
for arguments in (["study", path, "--plan"], ["study", path, "--plan", "--json"]):
    check("study: names, " + arguments[-1], arguments, codes=(0, 3), names=path)

for name, change in {
    "model_type": lambda c: c.update(model_type=ESCAPE),
    "architectures": lambda c: c.update(architectures=[ESCAPE]),
    "hidden_size": lambda c: c.update(hidden_size=ESCAPE),
    "hidden_act": lambda c: c.update(hidden_act=ESCAPE),
    "rope_scaling": lambda c: c.update(rope_scaling={"rope_type": ESCAPE}),
    "long": lambda c: c.update(hidden_act="x" * 1_000_000),
    "quantization_config": lambda c: c.update(quantization_config={"quant_method": ESCAPE}),
}.items():
    copy = fresh("config " + name, llama)
    edit_json(os.path.join(copy, "config.json"), change)
    check(f"config: {name}", ["inspect", copy], codes=(0, 3), names=copy)
for name, change in {
    "pre-tokenizer": lambda t: t.update(pre_tokenizer={"type": ESCAPE}),
    "normalizer": lambda t: t.update(normalizer={"type": ESCAPE}),
    "pattern": lambda t: t.update(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(" + ESCAPE * 2000}, "behavior": "Isolated", "invert": False}),
    "post-processor": lambda t: t.update(post_processor={"type": ESCAPE}),
    "decoder": lambda t: t.update(decoder={"type": ESCAPE}),
    "model": lambda t: t.update(model={"type": ESCAPE}),
    "version": lambda t: t.update(version=ESCAPE * 1000),
}.items():
    copy = fresh("tokenizer " + name, llama)
    edit_json(os.path.join(copy, "tokenizer.json"), change)
    check(f"tokenizer: {name}", ["tokenize", copy, "--text", text], codes=(0, 3), names=copy)
hidden = write(os.path.join(top, "hidden.txt"), ESCAPE * 3 + "a")
for arguments in ([], ["--json"]):
    check("tokenize: hidden text " + " ".join(arguments), ["tokenize", llama, "--text", hidden, *arguments], codes=(0,))


def safetensors(tensors):
    header = json.dumps(tensors, ensure_ascii=False).encode()
    return struct.pack("<Q", len(header)) + header


copy = fresh("tensor names", llama)
write(os.path.join(copy, "model.safetensors"), safetensors({ESCAPE: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}) + b"\0" * 4)
check("safetensors: name", ["inspect", copy], names=copy)
copy = fresh("tensor type", llama)
write(os.path.join(copy, "model.safetensors"), safetensors({"a": {"dtype": ESCAPE, "shape": [1], "data_offsets": [0, 4]}}) + b"\0" * 4)
check("safetensors: type", ["inspect", copy], names=copy)
copy = fresh("missing tensor", llama)
write(os.path.join(copy, "model.safetensors"), safetensors({"model.norm.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}) + b"\0" * 4)
check("safetensors: shape", ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32"], names=copy)
for name, shard in {"escape": ESCAPE + ".safetensors", "long": "x" * 300 + ".safetensors", "up": "../model.safetensors", "missing": "nothing.safetensors"}.items():
    copy = fresh("index " + name, llama)
    os.rename(os.path.join(copy, "model.safetensors"), os.path.join(copy, "shard.safetensors"))
    write(os.path.join(copy, "model.safetensors.index.json"), json.dumps({"metadata": {}, "weight_map": {"model.norm.weight": shard}}, ensure_ascii=False))
    check(f"index: {name}", ["inspect", copy], names=copy)


def gguf(pairs):
    def string(value):
        value = value if isinstance(value, bytes) else value.encode()
        return struct.pack("<Q", len(value)) + value
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs))
    for key, value in pairs.items():
        out += string(key) + (struct.pack("<II", 4, value)[0:8] if isinstance(value, int) else struct.pack("<I", 8) + string(value))
    return out


for name, pairs in {
    "architecture": {"general.architecture": ESCAPE},
    "architecture, Latin-1": {"general.architecture": b"ll\xe9ma"},
    "key": {"general.architecture": "llama", ESCAPE: 1},
    "count, Latin-1": {"general.architecture": "llama", "llama.block_count": b"\xe9\xff"},
    "name": {"general.architecture": "llama", "general.name": ESCAPE},
    "pre-tokenizer": {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": ESCAPE},
    "tokenizer": {"general.architecture": "llama", "tokenizer.ggml.model": ESCAPE},
}.items():
    path = write(os.path.join(top, re.sub(r"\W+", "-", name) + ".gguf"), gguf(pairs))
    for command in (["inspect", path], ["inspect", path, "--json"], ["tokenize", path, "--text", text], ["evaluate", path, "--text", text]):
        check(f"gguf: {name}, {' '.join([command[0], *command[2:3]])}", command, names=path)

for name, change in {
    "run id": lambda m: m["runs"][0].update(id=ESCAPE),
    "state": lambda m: m["runs"][0].update(state=ESCAPE),
    "recipe": lambda m: m["runs"][0].update(recipe=json.dumps({"halftone_recipe": 1, ESCAPE: 1}, ensure_ascii=False)),
    "model": lambda m: m.update(model={**m["model"], "path": ESCAPE} if isinstance(m["model"], dict) else ESCAPE),
    "extra": lambda m: m.update({ESCAPE: 1}),
    "format": lambda m: m.update(format=[ESCAPE, 0]),
}.items():
    copy = fresh(f"manifest {name}.halftone", project)
    edit_json(os.path.join(copy, "manifest.json"), change)
    for command in (["evaluate", copy, "--text", text, "--windows", "1", "--length", "32"], ["export", copy, "--format", "dense", "--out", os.path.join(top, "out-manifest-" + name)],
                    ["evaluate", copy + "#" + ESCAPE, "--text", text]):
        check(f"manifest: {name}, {command[0]}", command, codes=(0, 3), names=copy if name not in ("run id", "model") else None)
copy = fresh("journal.halftone", project)
write(os.path.join(copy, "journal.log"), ESCAPE * 100 + "\n")
check("journal", ["evaluate", copy, "--text", text, "--windows", "1", "--length", "32"], codes=(0, 3))

# ---- links that lead in circles, names that are too long, folders and FIFOs in the place of files

loop = os.path.join(top, "loop")
os.symlink(loop, loop)
long_name = "n" * 300
for name, path in {"loop of links": loop, "long name": os.path.join(top, long_name), "long way": "/".join(["way"] * 1500)}.items():
    for kind, arguments in {
        "inspect": ["inspect", path], "tokenize": ["tokenize", path, "--text", text], "text": ["tokenize", llama, "--text", path],
        "evaluate": ["evaluate", path, "--text", text], "against": ["evaluate", llama, "--text", text, "--windows", "1", "--length", "32", "--against", path],
        "recipe": ["recipe", "check", path, "--model", llama], "study": ["study", path, "--plan"], "project": ["export", path, "--format", "dense", "--out", os.path.join(top, "o")],
        "plot": ["plot", path, "--view", "outliers", "--out", os.path.join(top, "p.png")],
    }.items():
        check(f"{name}: {kind}", [*arguments, "--quiet"] if kind in ("evaluate", "against") else arguments)
    check(f"{name}: out", ["export", project, "--format", "dense", "--out", path, "--quiet"], codes=(3, 4))
    check(f"{name}: out, overwrite", ["export", project, "--format", "dense", "--out", path, "--overwrite", "--quiet"], codes=(3, 4))
    check(f"{name}: new project", ["quantize", llama, "--recipe", recipe, "--text", text, "--project", path, "--quiet"], codes=(3, 4))
    check(f"{name}: csv", ["plot", project, "--view", "outliers", "--out", path], codes=(3, 4))
for file in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"):
    for kind in ("loop", "FIFO", "folder"):
        copy = fresh(f"{file} as {kind}", llama)
        path = os.path.join(copy, file)
        if os.path.exists(path):
            os.remove(path)
        if kind == "loop":
            os.symlink(file, path)
        elif kind == "FIFO":
            os.mkfifo(path)
        else:
            os.mkdir(path)
        needed = file in ("config.json", "model.safetensors")
        check(f"{file} as {kind}: inspect", ["inspect", copy], codes=(3,) if needed else (0, 3), names=copy)
        check(f"{file} as {kind}: tokenize", ["tokenize", copy, "--text", text], codes=(3,) if file == "tokenizer.json" else (0, 3), names=copy)
        if file == "chat_template.jinja":
            mine = os.path.join(top, f"with-{kind}.halftone")
            check(f"{file} as {kind}: quantize", ["quantize", copy, "--recipe", recipe, "--text", text, "--project", mine, "--quiet"], codes=(0, 3))
            check(f"{file} as {kind}: export", ["export", mine, "--format", "dense", "--out", os.path.join(top, f"out-{kind}"), "--quiet"], codes=(0, 3))

shutil.rmtree(top, ignore_errors=True)
for fault in wrong:
    print("  " + fault)
print(f"{tried} tried, {len(wrong)} wrong")
sys.exit(1 if wrong else 0)
