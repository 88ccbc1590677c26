#!/usr/bin/env python3
"""Writes newer_characters.h: where the sets of characters of the package tokenizers' regular expressions (Oniguruma) differ from those of PCRE2, by its
version of Unicode. Run, with tokenizers installed and the library PCRE2 of the program: make_newer_characters.py > newer_characters.h"""
import ctypes
import ctypes.util

import tokenizers
from tokenizers import Regex, pre_tokenizers

POINTS = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
CATEGORIES = ["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So",
              "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Cn", "Co"]
SCRIPTS = ["Han", "Hiragana", "Katakana", "Hangul", "Latin", "Greek", "Cyrillic", "Arabic", "Hebrew", "Thai", "Lao", "Khmer", "Myanmar", "Bopomofo", "Devanagari", "Bengali",
           "Tamil", "Telugu", "Georgian", "Armenian", "Ethiopic", "Mongolian", "Tibetan", "Common", "Inherited"]
# name: as tokenizers spells it, as regex_dialect.cpp does before it adds and removes
SETS = {name: (r"\p{%s}" % name, r"\p{%s}" % name) for name in CATEGORIES}
SETS.update({name: (r"\p{%s}" % name, r"\p{sc:%s}" % name) for name in SCRIPTS})
SETS.update(word=(r"[\w]", r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"), alpha=(r"[[:alpha:]]", r"\p{Alphabetic}"), upper=(r"[[:upper:]]", r"\p{Uppercase}"), lower=(r"[[:lower:]]", r"\p{Lowercase}"),
            alnum=(r"[[:alnum:]]", r"\p{Alphabetic}\p{Nd}"), punct=(r"[[:punct:]]", r"\p{P}\p{S}"), space=(r"[[:space:]]", r"\p{White_Space}"))


class Pcre:
    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("pcre2-8"))
        for name in ("pcre2_compile_8", "pcre2_match_data_create_8", "pcre2_get_ovector_pointer_8"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.data = ctypes.c_void_p(self.lib.pcre2_match_data_create_8(1, None))
        version = ctypes.create_string_buffer(64)
        self.lib.pcre2_config_8(10, version)   # PCRE2_CONFIG_UNICODE_VERSION
        self.unicode = version.value.decode()

    def members(self, content):
        error, offset = ctypes.c_int(), ctypes.c_size_t()
        pattern = ("[%s]+" % content).encode()
        code = self.lib.pcre2_compile_8(pattern, ctypes.c_size_t(len(pattern)), ctypes.c_uint32(0x00080000 | 0x00020000), ctypes.byref(error), ctypes.byref(offset), None)   # UTF | UCP
        assert code, content
        text, at, out = "".join(POINTS).encode(), 0, ""
        while at < len(text) and self.lib.pcre2_match_8(ctypes.c_void_p(code), text, ctypes.c_size_t(len(text)), ctypes.c_size_t(at), ctypes.c_uint32(0x40000000), self.data, None) > 0:   # NO_UTF_CHECK
            begin, end = (ctypes.c_size_t * 2).from_address(self.lib.pcre2_get_ovector_pointer_8(self.data))
            out += text[begin:end].decode()
            at = end
        return set(out)


def stock(pattern):
    split, out = pre_tokenizers.Split(Regex(pattern), "removed", invert=True), set()
    for at in range(0, len(POINTS), 1 << 14):
        out.update("".join(piece for piece, _ in split.pre_tokenize_str("".join(POINTS[at:at + (1 << 14)]))))
    return out


def cells(characters):
    out = []
    for c in sorted(map(ord, characters)):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    lines = [""]
    for cell in ("\\\\x{%X}" % a if a == b else "\\\\x{%X}-\\\\x{%X}" % (a, b) for a, b in out):
        if len(lines[-1]) + len(cell) > 120:
            lines.append("")
        lines[-1] += cell
    return "\n".join('     "%s"' % line for line in lines)


pcre = Pcre()
rows = []
for name, (theirs, ours) in SETS.items():
    wanted, known = stock(theirs), pcre.members(ours)
    if wanted != known:
        rows.append((name, wanted - known, known - wanted))
print("""#pragma once

// Made by make_newer_characters.py from PCRE2 with Unicode %s and tokenizers %s; do not edit.

#include <array>
#include <string_view>

namespace halftone {

/// Of a category, script or set: the characters that tokenizers' regular expressions have in it and PCRE2 may not, and the other way round, as they stand in a class.
struct NewerCharacters {
    std::string_view name, added, removed;
};

inline constexpr std::array<NewerCharacters, %d> kNewerCharacters{{""" % (pcre.unicode, tokenizers.__version__, len(rows)))
for name, added, removed in rows:
    print('    {"%s",\n%s,\n%s},' % (name, cells(added), cells(removed)))
print("""}};

} // namespace halftone""")
