#!/usr/bin/env python3
"""Checks the house rules that a compiler does not: floors, seams, words. Prints one line a breach; exit 1 if there is any.

    check_layering.py SOURCE         checks a source tree
    check_layering.py --self-test    plants one breach of each rule in a scratch tree and demands that each is found
"""
import os
import re
import sys
import tempfile

# A room sees only floors below it; rooms of one floor do not see each other.
FLOORS = [
    ["core/base"],
    ["core/algebra", "core/checkpoint", "core/text", "core/quant"],
    ["core/model"],
    ["core/analysis", "core/eval"],
    ["core/methods"],
    ["core/recipe"],
    ["core/project", "widgets"],
    ["core/pipeline", "core/exporting"],
    ["app"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
TOP_LEVEL = {"CMakeLists.txt", "README.md", "LICENSE", "app", "core", "widgets", "resources", "tests", "packaging"}

CODE = re.compile(r"\.(cpp|h|hpp|cc)$")
TEXT = re.compile(r"\.(cpp|h|hpp|cc|py|sh|md|txt|cmake|json|qrc|desktop|svg|in)$")
QUOTED = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
ANGLED = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<([^>]+)>", re.M)
TENSOR = re.compile(r"^(ATen|torch|c10|caffe2)/")
HDF5 = re.compile(r"^(hdf5|H5[A-Z]\w*)\.h|^(H5Cpp|hdf5)$")
QT = re.compile(r"^(Q[A-Z]\w*|Qt[A-Z]\w*/.*|qcustomplot\.h)$")
ENDS = re.compile(r"(?<![\w:.>])(?:std::)?(assert|abort|exit|_Exit|quick_exit|terminate|printf|puts)\s*\(")
STREAMS = re.compile(r"std::(cout|cerr|clog)\b")
SAYS = re.compile(r"\bstd::(printf|fprintf|puts|fputs|fputc|cout|cerr|clog)\b")
FLOATS = re.compile(r'"[^"\n]*%[-+0-9.*]*[aefgAEFG]\b')
RECAST = re.compile(r"\breinterpret_cast\b")
METHOD_ID = re.compile(r'info\.id = "([a-z0-9-]+)"|return \w+\("([a-z0-9-]+)", "[A-Z]|\bkNearestRounding = "([a-z0-9-]+)"')
PRESETS = ("core/recipe/presets.cpp", "core/recipe/study_presets.cpp")
# What is known by an id: where such ids are given, how that is written, who else may name them, and what to ask instead. Besides the file that gives an id and
# presets, these are those that read files in which the word stands, and those whose declaration refers to it. Activation grids are no methods of their own:
# their ids are the schemes' names.
IDS = {
    "method": (re.compile(r"^core/methods/(?!activation_methods\.cpp)"), METHOD_ID, ("core/methods/method.h",), "ask what it needs (MethodInfo)"),
    "family": (re.compile(r"^core/model/architectures/"), re.compile(r'family\.info = \{"([a-z0-9-]+)"'), ("core/model/architectures/", "core/text/"),
               "declare it (Architecture, FamilyTraits)"),
    "contract": (re.compile(r"^core/recipe/contract\.cpp$"), re.compile(r'\{"([a-z0-9-]+)", "[^"]*", check'), ("core/exporting/",),
                 "declare it (Contract, contract_runtime.h)"),
    "format": (re.compile(r"^core/exporting/"), re.compile(r'return \{"([a-z0-9-]+)", "[^"]*", "[^"]*", \{'), ("core/model/",), "ask what it holds (FormatInfo)"),
}
# Spelled in pieces, so that this file passes its own check.
PLACES = re.compile("/(?:work|farm)/" + "|/opt/py" + r"pi|\bpy" + r"pi\.org|\bdeb\.deb" + r"ian\.org")
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + "X|not imple" + "mented|unimple" + r"mented|for n" + "ow|place" + r"holder)\b", re.I)


def room_of(path):
    return next((room for room in FLOOR if path.startswith(room + "/")), None)


def files_of(top):
    for folder, folders, files in os.walk(top):
        relative = os.path.relpath(folder, top)
        folders[:] = sorted(f for f in folders if f != "__pycache__" and
                            (relative != "." or (f == ".ci" or (not f.startswith(".") and not f.startswith("build")))))
        for name in sorted(files):
            yield os.path.normpath(os.path.join(relative, name))


def without_comments(text):
    """Comments and literals blanked, lines kept: so that a word in a sentence is no call."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def code_alone(text):
    """Comments blanked, literals and lines kept."""
    def blank(match):
        return match.group(0) if match.group(0).startswith('"') else re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def ids_of(texts, given, written):
    """Ids that are given there, and the file of each."""
    ids = {}
    for path, text in texts.items():
        if given.search(path) and CODE.search(path):
            for match in written.finditer(text):
                ids[next(filter(None, match.groups()))] = path
    return ids


def resolve(top, here, include):
    """The file in the tree that an include names, or None."""
    for candidate in (include, os.path.join(os.path.dirname(here), include)):
        candidate = os.path.normpath(candidate)
        if os.path.isfile(os.path.join(top, candidate)):
            return candidate
    return None


def check(top):
    breaches = []
    texts = {}
    for path in files_of(top):
        if CODE.search(path) or TEXT.search(path) or "." not in os.path.basename(path):
            try:
                with open(os.path.join(top, path), encoding="utf-8") as file:
                    texts[path] = file.read()
            except UnicodeDecodeError:
                if CODE.search(path):
                    breaches.append(f"{path}: not UTF-8")

    def line(path, position):
        return f"{path}:{texts[path].count(chr(10), 0, position) + 1}"

    for name in sorted(os.listdir(top)):
        if name not in TOP_LEVEL and not name.startswith(".") and not name.startswith("build"):
            breaches.append(f"{name}: does not belong at the top level")

    for path, text in texts.items():
        room = room_of(path)
        if CODE.search(path) and room:
            for match in QUOTED.finditer(text):
                named = match.group(1)
                target = resolve(top, path, named) or os.path.normpath(os.path.join(os.path.dirname(path), named) if named.startswith(".") else named)
                other = room_of(target)
                if other and other != room and FLOOR[other] >= FLOOR[room]:
                    breaches.append(f"{line(path, match.start())}: {room} includes {target}, which is not on a floor below it")
            for match in ANGLED.finditer(text):
                header = match.group(1)
                if room.startswith("core/") and QT.match(header):
                    breaches.append(f"{line(path, match.start())}: core includes Qt ({header})")
                if not room.startswith("core/") and (TENSOR.match(header) or HDF5.match(header)):
                    breaches.append(f"{line(path, match.start())}: {room} includes {header}: tensors and HDF5 stay inside core")
            if room.startswith("core/"):
                bare = without_comments(text)
                for match in list(ENDS.finditer(bare)) + list(STREAMS.finditer(bare)):
                    breaches.append(f"{line(path, match.start())}: core prints or ends the program ({match.group(0).strip(' (')}); throw halftone::Error")
                for match in FLOATS.finditer(text):
                    breaches.append(f"{line(path, match.start())}: {match.group(0).lstrip(chr(34))}: printf follows the desktop's locale; use core/base/number_text.h")
                if "hdf5.h" in ANGLED.findall(text) and path != "core/project/hdf5_writer.cpp":
                    breaches.append(f"{path}: includes hdf5.h: the library writes only; files are read by core/project/hdf5_reader.h")
            if path.startswith("app/cli/") and path not in ("app/cli/terminal.cpp", "app/cli/main.cpp"):
                for match in SAYS.finditer(without_comments(text)):
                    breaches.append(f"{line(path, match.start())}: {match.group(0)}: texts of files reach a terminal through app/cli/terminal.h alone")
            if room == "core/checkpoint":
                for match in RECAST.finditer(without_comments(text)):
                    breaches.append(f"{line(path, match.start())}: reinterpret_cast in a reader of untrusted files; copy the bytes (ByteReader)")
        if path.startswith("resources/text/") and not path.endswith(".md") or path.startswith("tests/data/") and not CODE.search(path):
            continue
        for match in PLACES.finditer(text):
            breaches.append(f"{line(path, match.start())}: {match.group(0)} is a place of one machine")
        for match in UNFINISHED.finditer(text):
            breaches.append(f"{line(path, match.start())}: \"{match.group(0)}\" marks something unfinished")

    # Methods, families, contracts and formats are named by their own file, their registry line, presets and tests.
    known = {kind: ids_of(texts, given, written) for kind, (given, written, _, _) in IDS.items()}
    for kind, ids in known.items():
        if not ids:
            breaches.append(f"tests/layering/check_layering.py: finds no {kind} that gives itself an id (IDS)")
    for path, text in texts.items():
        if CODE.search(path) and room_of(path) and path not in PRESETS:
            code = code_alone(text)
            for kind, (_, _, places, instead) in IDS.items():
                if path.startswith(places):
                    continue
                for word in re.finditer(r'"([a-z0-9-]+)"', code):
                    if known[kind].get(word.group(1), path) != path:
                        breaches.append(f"{line(path, word.start())}: names the {kind} {word.group(0)}; {instead}")

    # What widgets and app see, through any chain of headers, holds no tensors.
    for path in texts:
        if CODE.search(path) and room_of(path) in ("widgets", "app"):
            seen, queue = set(), [(path, ())]
            while queue:
                here, chain = queue.pop()
                if here in seen:
                    continue
                seen.add(here)
                for match in QUOTED.finditer(texts.get(here, "")):
                    target = resolve(top, here, match.group(1))
                    if target:
                        queue.append((target, chain + (target,)))
                if here != path:
                    for match in ANGLED.finditer(texts.get(here, "")):
                        if TENSOR.match(match.group(1)) or HDF5.match(match.group(1)):
                            breaches.append(f"{path}: sees {match.group(1)} through {' -> '.join(chain)}")
    return breaches


PLANTED = {
    "upwards": ("core/quant/a.h", '#include "core/model/b.h"\n', "not on a floor below"),
    "sideways": ("core/text/a.h", '#include "core/checkpoint/b.h"\n', "not on a floor below"),
    "relative": ("core/base/a.h", '#include "../text/b.h"\n', "not on a floor below"),
    "widgets see the pipeline": ("widgets/a.h", '#include "core/pipeline/jobs.h"\n', "not on a floor below"),
    "widgets see the project": ("widgets/a.h", '#include "core/project/project.h"\n', "not on a floor below"),
    "Qt in core": ("core/recipe/a.cpp", "#include <QString>\n", "core includes Qt"),
    "tensors in a widget": ("widgets/a.cpp", "#include <ATen/ATen.h>\n", "stay inside core"),
    "HDF5 in the app": ("app/a.cpp", "#include <hdf5.h>\n", "stay inside core"),
    "tensors through a header": ("app/a.cpp", '#include "core/quant/planted.h"\n', "sees ATen/ATen.h through"),
    "printing core": ("core/eval/a.cpp", "void f() { std::cerr << 1; }\n", "core prints"),
    "aborting core": ("core/eval/a.cpp", "void f() { std::abort(); }\n", "core prints or ends"),
    "assert on a file": ("core/checkpoint/a.cpp", "void f(int n) { assert(n > 0); }\n", "core prints or ends"),
    "cast of file bytes": ("core/checkpoint/a.cpp", "auto f(char* p) { return reinterpret_cast<float*>(p); }\n", "untrusted"),
    "a float by the locale": ("core/recipe/a.cpp", 'void f(char* t, double x) { std::snprintf(t, 9, "%.3g", x); }\n', "follows the desktop's locale"),
    "HDF5 that reads": ("core/project/a.cpp", "#include <hdf5.h>\n", "the library writes only"),
    "printing past the terminal": ("app/cli/a.cpp", "void f() { std::printf(\"x\"); }\n", "through app/cli/terminal.h alone"),
    "a method by name": ("app/a.cpp", 'bool f(const char* id) { return id == "planted-method"; }\n', "names the method"),
    "a family by name": ("widgets/a.cpp", 'bool f(const char* id) { return id == "planted-family"; }\n', "names the family"),
    "a contract by name": ("app/a.cpp", 'bool f(QString id) { return id == u"planted-contract"_s; }\n', "names the contract"),
    "a format by name": ("core/exporting/a.cpp", 'bool f(const char* id) { return id == "planted-format"; }\n', "names the format"),
    "a machine's path": ("app/a.cpp", 'const char* p = "/wo" "rk/x";\n'.replace('" "', ""), "a place of one machine"),
    "unfinished": ("app/a.cpp", "// TO" + "DO later\n", "unfinished"),
    "top level": ("notes.txt", "hello\n", "top level"),
}


def self_test():
    failures = []
    for name, (path, text, expected) in PLANTED.items():
        with tempfile.TemporaryDirectory() as top:
            files = {"app/main.cpp": '// assert(that) a comment is no call\n#include "core/pipeline/jobs.h"\n', "core/pipeline/jobs.h": "#pragma once\n",
                     "core/quant/planted.h": "#include <ATen/ATen.h>\n", "widgets/ok.h": '#include <QWidget>\n#include "core/recipe/r.h"\n',
                     "core/recipe/r.h": "#pragma once\n", "core/methods/planted.cpp": 'void f() { info.id = "planted-method"; }\n',
                     "core/model/architectures/planted.cpp": 'void f() { family.info = {"planted-family", "P"}; }\n',
                     "core/recipe/contract.cpp": 'Contract k[] = {{"planted-contract", "P", checkPlanted}};\n',
                     "core/exporting/planted.cpp": 'Info info() { return {"planted-format", "P", "a planted one", {"planted-contract"}}; }\n'}
            for file, content in files.items():
                os.makedirs(os.path.join(top, os.path.dirname(file)), exist_ok=True)
                with open(os.path.join(top, file), "w", encoding="utf-8") as out:
                    out.write(content)
            clean = check(top)
            if clean:
                failures.append(f"a tree in order is refused: {clean}")
            os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8") as out:
                out.write(text)
            found = check(top)
            if not any(expected in breach for breach in found):
                failures.append(f"planted and not found: {name} ({found})")
    return failures


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = self_test() if sys.argv[1] == "--self-test" else check(os.path.abspath(sys.argv[1]))
    for row in rows:
        print(row)
    print(f"{len(rows)} breaches" if rows else "in order")
    sys.exit(1 if rows else 0)


if __name__ == "__main__":
    main()
