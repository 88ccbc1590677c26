#!/usr/bin/env python3
"""Writes unicode_tables.h: what NFC, NFD, NFKC, NFKD and lower-casing need, from this Python's unicodedata, and sets of characters as the package
tokenizers knows them, since its parts are of different versions of Unicode. Run, with tokenizers installed: make_unicode_tables.py > unicode_tables.h"""
import sys
import tokenizers
import unicodedata as u
from tokenizers import normalizers as stock, pre_tokenizers as cuts

points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
hangul = range(0xAC00, 0xD7A4)  # composed by arithmetic

decompositions = []
for c in points:
    d = u.decomposition(chr(c))
    if not d or d.startswith("<") or c in hangul or stock.NFD().normalize_str(chr(c)) == chr(c):
        continue
    parts = [int(x, 16) for x in d.split()]
    composes = len(parts) == 2 and u.normalize("NFC", chr(parts[0]) + chr(parts[1])) == chr(c)
    decompositions.append((c, parts[0], parts[1] if len(parts) == 2 else 0, int(composes)))

compatible, parts_of = [], []  # point, where its parts begin, how many; the parts, decomposed no further
for c in points:
    d = u.decomposition(chr(c))
    if d.startswith("<") and stock.NFKD().normalize_str(chr(c)) != chr(c):
        parts = [int(x, 16) for x in d.split()[1:]]
        compatible.append((c, len(parts_of), len(parts)))
        parts_of += parts

def moves(text):
    return stock.NFD().normalize_str(text) != text


classes = []
for c in points:
    k = u.combining(chr(c))
    if k == 0 or not (moves(chr(c) + "\u0334") or moves("\u0345" + chr(c))):   # behind the highest class and before the lowest: newer ones stay where they are
        continue
    if classes and classes[-1][2] == k and classes[-1][1] == c - 1:
        classes[-1][1] = c
    else:
        classes.append([c, c, k])

lower = []  # first, last, step, delta
for c in points:
    t = stock.Lowercase().normalize_str(chr(c))
    if t == chr(c) or len(t) != 1:
        continue
    delta = ord(t) - c
    if lower and lower[-1][3] == delta:
        first, last, step, _ = lower[-1]
        if (first == last and c - last <= 2) or (first != last and c - last == step):
            lower[-1][1], lower[-1][2] = c, c - last
            continue
    lower.append([c, c, 1, delta])
longer = [c for c in points if len(stock.Lowercase().normalize_str(chr(c))) != 1]
assert longer == [0x130], longer  # LATIN CAPITAL LETTER I WITH DOT ABOVE -> i + U+0307, written out in unicode.cpp


def ranges(holds):
    out = []
    for c in points:
        if c < 0x80 or not holds(chr(c)):
            continue
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def pieces(cut, c):
    return len(cut.pre_tokenize_str("a" + c + "a"))


bert_accents = stock.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
bert_clean = stock.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
sets = [
    ("kNumeric", ranges(lambda c: pieces(cuts.Digits(), c) == 3)),
    ("kPunctuation", ranges(lambda c: pieces(cuts.Punctuation(), c) == 3)),
    ("kWord", ranges(lambda c: pieces(cuts.Whitespace(), c) == 1)),
    ("kMark", ranges(lambda c: stock.StripAccents().normalize_str(c) == "")),
    ("kNonspacingMark", ranges(lambda c: u.normalize("NFD", c) == c and bert_accents.normalize_str(c) == "")),
    ("kControl", ranges(lambda c: c != "\ufffd" and bert_clean.normalize_str(c) == "")),
]


def table(name, kind, rows):
    out = ["constexpr %s %s[] = {" % (kind, name)]
    line = "   "
    for row in rows:
        cell = " {%s}," % ", ".join("0x%X" % v if v >= 10 else str(v) for v in row)
        if len(line) + len(cell) > 140:
            out.append(line)
            line = "   "
        line += cell
    return "\n".join(out + [line, "};"])


print("""#pragma once

// Made by make_unicode_tables.py from Unicode %s and tokenizers %s; do not edit.

#include <cstdint>

namespace halftone::unicode {

/// Canonical decomposition of one step; `second` is 0 for a singleton. `composes`: NFC puts it together again.
struct Decomposition {
    std::uint32_t point, first, second;
    bool composes;
};
/// Compatibility decomposition of one step: `count` of kCompatibleParts from `begin`.
struct CompatibleDecomposition {
    std::uint32_t point, begin, count;
};
/// Code points first…last have this canonical combining class.
struct CombiningRange {
    std::uint32_t first, last;
    std::uint8_t combiningClass;
};
/// Every step-th code point of first…last becomes lower case by adding delta.
struct LowercaseRange {
    std::uint32_t first, last, step;
    std::int32_t delta;
};
/// Code points first…last, beyond ASCII.
struct CodeRange {
    std::uint32_t first, last;
};
""" % (u.unidata_version, tokenizers.__version__))
print(table("kDecompositions", "Decomposition", decompositions))
print()
print(table("kCompatible", "CompatibleDecomposition", compatible))
print()
print(table("kCompatibleParts", "std::uint32_t", [(p,) for p in parts_of]).replace("{{", "{").replace("{0x", "0x").replace("},", ",").replace("    ,", "    "))
print()
print(table("kCombining", "CombiningRange", classes))
print()
print(table("kLowercase", "LowercaseRange", lower))
for name, rows in sets:
    print()
    print(table(name, "CodeRange", rows))
print("\n} // namespace halftone::unicode")
print(len(decompositions), len(classes), len(lower), file=sys.stderr)
