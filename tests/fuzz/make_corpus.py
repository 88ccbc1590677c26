#!/usr/bin/env python3
"""make_corpus.py DATA FUZZ OUT: the inputs that each fuzz target begins with, in OUT/TARGET, and its dictionary, OUT/TARGET.dict; made from tests/data
(DATA) and the committed files of tests/fuzz (FUZZ). Inputs that stand for several files have them in the order that the target names, with a byte 0x1E
behind each but the last. The same files give the same corpus.
"""
import argparse
import glob
import json
import os
import re
import shutil
import struct

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("fuzz")
parser.add_argument("out")
options = parser.parse_args()
shutil.rmtree(options.out, ignore_errors=True)
LARGEST = 80_000   # bytes: the search gets slow with long inputs


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def seed(target, name, content):
    if isinstance(content, str):
        content = content.encode()
    if len(content) > LARGEST:
        return
    os.makedirs(os.path.join(options.out, target), exist_ok=True)
    with open(os.path.join(options.out, target, name.replace("/", "-")), "wb") as file:
        file.write(content)


def named(pattern):
    return [(os.path.relpath(path, options.data), path) for path in sorted(glob.glob(os.path.join(options.data, pattern), recursive=True))]


def safetensors(tensors):
    """[(name, dtype, shape, bytes)]"""
    header, data = {}, b""
    for name, dtype, shape, content in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + data


def gguf(keys, tensors):
    """keys: bytes each; tensors: [(name, dimensions, type, bytes)], aligned to 32."""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys)
    data = b""
    for name, dimensions, kind, content in tensors:
        out += string(name) + struct.pack("<I", len(dimensions)) + b"".join(struct.pack("<Q", d) for d in dimensions) + struct.pack("<IQ", kind, len(data))
        data += content + bytes(-len(content) % 32)
    return out + bytes(-len(out) % 32) + data


def string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def key(name, kind, value):
    return string(name) + struct.pack("<I", kind) + value


# ---- checkpoints
seed("safetensors", "plain", read(options.data, "checkpoint/plain.safetensors"))
types = [("F64", 8), ("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("I32", 4), ("I16", 2), ("I8", 1), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1), ("F8_E5M2", 1)]
seed("safetensors", "types", safetensors([(f"t.{name}", name, [2, 3], bytes(range(6 * size))) for name, size in types]))
seed("safetensors", "empty-and-scalar", safetensors([("a", "F32", [0, 4], b""), ("b", "F32", [], b"\0\0\x80?")]))
seed("index", "two", json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}))
seed("index", "bare", json.dumps({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}))
seed("gguf", "blocks", read(options.data, "checkpoint/blocks.gguf"))
seed("gguf", "small", gguf(
    [key("general.architecture", 8, string("llama")), key("general.alignment", 4, struct.pack("<I", 32)), key("flag", 7, b"\1"),
     key("tokens", 9, struct.pack("<IQ", 8, 2) + string("a") + string("bb")), key("nested", 9, struct.pack("<IQIQI", 9, 1, 4, 1, 7)),
     key("real", 6, struct.pack("<f", 0.5)), key("wide", 12, struct.pack("<d", 1e300)), key("bytes", 9, struct.pack("<IQ", 0, 3) + b"\1\2\3")],
    [("blk.0.a.weight", [64, 2], 3, bytes(range(80))), ("norm", [8], 0, bytes(32)), ("half", [4, 2, 2], 1, bytes(32))]))
digest = "0123456789abcdef" * 4
seed("identity", "parts", json.dumps({"parts": [{"name": "config.json", "sha256": digest, "tensor": False}, {"name": "a", "sha256": digest, "tensor": True}]}))

# ---- tokenizers
for name, path in named("**/tokenizer.json"):
    seed("tokenizer", os.path.dirname(name), read(path))
for name, path in named("**/tokenizer.model"):
    seed("sentencepiece", os.path.dirname(name), read(path))
pieces = {text: i for i, text in enumerate(["<|endoftext|>", "I", "t", "\u0120", "h", "It", "\u0120h", "a", "s", "as", "1", "2", "\u010a"])}
for kind in ("GPT2Tokenizer", "Qwen2Tokenizer"):
    settings = {"tokenizer_class": kind, "add_bos_token": True, "add_prefix_space": True, "bos_token": {"content": "<|endoftext|>"},
                "added_tokens_decoder": {"0": {"content": "<|endoftext|>", "special": True, "lstrip": True}}, "additional_special_tokens": ["</s>"]}
    seed("vocabulary", kind, json.dumps(pieces) + "\x1e#version: 0.2\nI t\n\u0120 h\na s\n\x1e" + json.dumps(settings))
for i, pattern in enumerate([
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?", r"\A(?<a>[[:alpha:]&&[^aeiou]]+)\k<a>\z",
        r"(?m:^.$)|\h{2}|\H|\R|\X|[\x{41}-\u005a]|(?>a*)a++|\b\w\B\W", r"(a+)+b"]):
    seed("regex", str(i), pattern + "\x1eIt's 12 wheels, na\u00efve \u2014 \u8eca\u8f2a!\n\n aaaaaaaaaaaaaaaaaaaa\ttabs")
seed("added_tokens", "switches", "\x01<s>\x1e\x04<mask>\x1e\x08</s>\x1e\x10word\x1e\x1f\u2581\u2581\x1e\x00<\x1e<s> a <mask>  word words </s> \u2581\u2581\u2581<<s")
seed("texts", "rows", '{"text": "one"}\n{"text": ""}\n\n"three"\n')
seed("texts", "chats", '{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "tool", "content": null}]}\n'
     '{"conversations": [{"from": "gpt", "value": "Hello"}]}\n{"turns": "a"}\n')
seed("texts", "table", '[{"text": "one"}, {"text": "two"}]')
seed("texts", "plain", "\ufeffplain text; b.txt; field: turns\r\n\u00e9")

# ---- projects
edit = {"sequence": 1, "recipe": {"version": 1}}
seed("journal", "summed", "1" + json.dumps(edit) + "\n" + json.dumps({**edit, "sequence": 2}) + "\n")
seed("journal", "torn", "00123abcd {}\n")
for path in sorted(glob.glob(os.path.join(options.fuzz, "corpus_hdf5", "*"))):
    seed("hdf5", os.path.basename(path), read(path))

# What was found once and mended.
for path in sorted(glob.glob(os.path.join(options.fuzz, "found", "*", "*"))):
    seed(os.path.basename(os.path.dirname(path)), "found-" + os.path.basename(path), read(path))

# The words of each target's seeds, for libFuzzer to put in elsewhere.
NUMBERS = ["-1", "0", "1e308", "1e-320", "2147483648", "4294967296", "9223372036854775807", "18446744073709551616", "null", "true", "[]", "{}", "[[[[", "\\ud800"]
for target in sorted(os.listdir(options.out)):
    words = set(NUMBERS)
    for name in sorted(os.listdir(os.path.join(options.out, target))):
        words |= {word.decode("latin-1") for word in re.findall(rb'"[\x20\x21\x23-\x5b\x5d-\x7e]{1,30}"', read(options.out, target, name))[:300]}
    with open(os.path.join(options.out, target + ".dict"), "w") as file:
        for word in sorted(words)[:600]:
            file.write('"' + "".join(c if c.isalnum() else f"\\x{ord(c):02x}" for c in word) + '"\n')
