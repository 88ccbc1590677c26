#!/usr/bin/env python3
"""Writes newer_characters.h: characters that the regular expressions of the package tokenizers know and this Python's Unicode, that of PCRE2 10.42, does
not. Run, with tokenizers installed: make_newer_characters.py > newer_characters.h"""
import tokenizers
import unicodedata
from tokenizers import Regex, pre_tokenizers

unknown = [chr(c) for c in range(0x80, 0x110000) if not 0xD800 <= c <= 0xDFFF and unicodedata.category(chr(c)) == "Cn"]
NAMES = ["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So",
         "Cf", "Han", "Hiragana", "Katakana", "Latin", "Cyrillic", "Arabic", "Khmer", "Myanmar", "Devanagari", "word", "alpha"]


def ranges(name):
    pattern = {"word": r"\w", "alpha": "[[:alpha:]]"}.get(name, r"\p{%s}" % name)
    left = set("".join(piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str("".join(unknown))))
    out = []
    for c in unknown:
        if c in left:
            continue
        if out and out[-1][1] == ord(c) - 1:
            out[-1][1] = ord(c)
        else:
            out.append([ord(c), ord(c)])
    return out


found = [(name, rows) for name in NAMES if (rows := ranges(name))]
print("""#pragma once

// Made by make_newer_characters.py from Unicode %s and tokenizers %s; do not edit.

#include <array>
#include <string_view>
#include <utility>

namespace halftone {

/// By category, script or set: the characters that tokenizers' regular expressions know and those of PCRE2 may not, as they stand in a class.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, %d> kNewerCharacters{{""" % (unicodedata.unidata_version, tokenizers.__version__, len(found)))
for name, rows in found:
    cells = ["\\\\x{%X}" % a if a == b else "\\\\x{%X}-\\\\x{%X}" % (a, b) for a, b in rows]
    lines = [""]
    for cell in cells:
        if len(lines[-1]) + len(cell) > 120:
            lines.append("")
        lines[-1] += cell
    print('    {"%s",\n%s},' % (name, "\n".join('     "%s"' % line for line in lines)))
print("""}};

} // namespace halftone""")
