#!/usr/bin/env python3
"""Random tokenizers, patterns and normalizers give what the package tokenizers gives, or are refused with a sentence that names file and rule.

    tokenizers_agree.py --answers answer_text --work FOLDER [--python INTEROP_PYTHON] [--seed N] [--count N] [--all]

Exit 0: agreed; 1: not, with the smallest text that shows it; 77: the package is not here (ctest calls that skipped). Long runs by hand: other seeds, larger
counts, and --all for every code point with every combining mark of a choice.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"

PROSE = ["She said it wasn't her fault; they'd left early, I'm sure you're right.", "IT'S 12.5 million (about 40% more), on 3 May 2024!", "Café naïve Straße ÆRØ Łódź İstanbul ΣΑΣ. ǅ ﬁn ß ẞ",
         "for (int i = 0; i < n; ++i) { sum += x[i] * y[i]; }", "    return {k: v for k, v in a_b}  # x\n\tif (p != nullptr) -1;\r\n", "量化器把每个权重舍入。価格は１２３円です", "カタカナとひらがな", "양자화는 모델", "القطة ١٢٣ ساعة",
         "एक हिन्दी वाक्य १२३", "ภาษาไทย", "Привет, мир — ёлка", "ἀρχὴ σοφίας ΟΔΟΣ", "שלום 42", "Nguyễn Đà", "👍🏽👩‍👧🇩🇪❤️1️⃣ → ½ № ² Ⅷ ㊙ ™"]
PIECES = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\u00a0", "\u3000", "\u2028", "\u0085", "\v", "\u200b", "\ufeff", "\u180e", "\u00ad", "\u200d", "▁", "▁▁", "a", "A", "b", "e\u0301", "É", "I\u0307", "ı", "ſ", "K", "σς",
          "1", "22", "333", "4444", "-", "--", "'", "'s", "``", "!?", "_", "\u0301", "\u0345", "ͅα", "\u1100\u1161\u11a8", "가\u11a8", "\ufffd", "\x01", "\x7f", "\U000e0001", "\U00031350", "\U0001e4f0", "Ⓐ", "ǆ", "ŉ", "ﬀ", "st", "ss", "ff"]
ADDED = ["<s>", "</s>", "[X]", "word", " lead", "trail ", "ing", "ﬁ", "É", "é", "<a b>", "1", "ab", "<|x|>", "A", "１", "▁▁", "\n", "中", " ", "\u0301", "\u200b", "ss"]
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
WORDS = [w for line in PROSE for w in line.split()]
KNOWN_PATTERNS = [r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
                  r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
                  r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
                  r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
                  r"[^\W\d_]+", r"[\W_]", r"[\S\n]+", r"[^\S\r\n]+", r"[\D]+", r"[\P{L}]+", r"[^\P{L}a]+", r"[a-z&&[^aeiou]]+", r"[[^a-z]&&\w]+", r"[\w&&[^\d]]+", r"[^[^a]]", r"[\p{L}&&\p{Latin}]+",
                  r"\s+", r" {2,}", r"^\s+|\s+$", r"(?<=a)b", r"\b\w", r"(?>a+)b|\w{3,}+", r".", r"[一-龥]+", r"[\x{4e00}-\x{9fa5}]", r"\h+", r"[\p{Lu}\p{Lt}][\p{Ll}\p{M}]*", r"\d{,2}x?"]


class Maker:
    """All that is random."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def some(self, p=0.5):
        return self.r.random() < p

    def character(self):
        while True:
            c = self.r.choice([self.r.randrange(0x20, 0x3000), self.r.randrange(0xA000, 0x11000), self.r.randrange(0xF900, 0x20000), self.r.randrange(0x20, 0x110000)])
            if not 0xD800 <= c < 0xE000:
                return chr(c)

    def fragment(self):
        out = ""
        for _ in range(self.r.randint(1, 10)):
            kind = self.r.random()
            if kind < 0.35:
                line = self.r.choice(PROSE)
                at = self.r.randrange(len(line))
                out += line[at:at + self.r.randint(1, 12)]
            elif kind < 0.85:
                out += self.r.choice(PIECES)
            else:
                out += self.character()
        return out

    # Patterns

    def set_item(self, depth):
        r = self.r
        kind = r.randrange(13 if depth < 2 else 9)
        if kind < 3:
            return r.choice(list("abexz059_'.,!") + ["é", "中", "ß", "K", " ", r"\n", r"\r", r"\t", r"\-", r"\]", r"\^", r"\x41", r"\x{e9}", r"\u4e00"])
        if kind < 4:
            return r.choice(["a-z", "A-Z", "0-9", "一-龥", "à-ÿ", r"\x{300}-\x{36f}"])
        if kind < 6:
            return r.choice([r"\w", r"\W", r"\s", r"\S", r"\d", r"\D", r"\h", r"\H"])
        if kind < 8:
            return self.property()
        if kind < 9:
            return r.choice(["[:alpha:]", "[:digit:]", "[:space:]", "[:upper:]", "[:lower:]", "[:alnum:]", "[:punct:]", "[:^alpha:]", "[:word:]", "[:cntrl:]", "[:xdigit:]", "[:blank:]", "[:^space:]"])
        return self.set(depth + 1)

    def property(self):
        name = self.r.choice(["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "N", "Nd", "P", "Pd", "Ps", "S", "Sm", "Z", "Zs", "C", "Cc", "Cf", "Co", "Han", "Latin", "Greek", "Hiragana", "Cyrillic", "Thai", "Arabic", "Hangul",
                              "Letter", "Alphabetic", "Alpha", "Punct", "Word", "White_Space", "Emoji", "Number", "Any", "ASCII", "Upper", "space"])
        return self.r.choice([r"\p{%s}", r"\p{%s}", r"\P{%s}", r"\p{^%s}"]) % name

    def set(self, depth=0):
        items = "".join(self.set_item(depth) for _ in range(self.r.randint(1, 4)))
        while self.some(0.15):
            items += "&&" + "".join(self.set_item(depth) for _ in range(self.r.randint(1, 3)))
        return "[" + ("^" if self.some(0.35) else "") + items + "]"

    def atom(self, depth):
        r = self.r
        kind = r.randrange(14 if depth < 2 else 10)
        if kind < 3:
            return r.choice(["a", "b", "'", "s", "st", " ", ".", "-", "x", "é", "中", "1", r"\.", r"\(", "▁", "_", r"\n", r"\r\n"])
        if kind < 6:
            return self.set()
        if kind < 8:
            return r.choice([r"\w", r"\W", r"\s", r"\S", r"\d", r"\D", r"\h", r"\b", r"\B", "^", "$", r"\A", r"\z", r"\Z", r"\R", r"\X"] if self.some(0.5) else [r"\w", r"\s", r"\S", r"\d"])
        if kind < 10:
            return self.property()
        inner = self.pattern(depth + 1)
        return r.choice(["(?:%s)", "(%s)", "(?=%s)", "(?!%s)", "(?>%s)", "(?i:%s)", "(?i)%s", "(?m:%s)", "(?<=%s)", "(?<!%s)", "(?<n>%s)"]) % inner

    def pattern(self, depth=0):
        def branch():
            out = ""
            for _ in range(self.r.randint(1, 3)):
                out += self.atom(depth)
                if self.some(0.35):
                    out += self.r.choice(["?", "*", "+", "+?", "*+", "++", "{2}", "{1,3}", "{2,}", "{,2}", "??"])
            return out
        return "|".join(branch() for _ in range(self.r.choice([1, 1, 1, 2, 3])))

    def any_pattern(self):
        return self.r.choice(KNOWN_PATTERNS) if self.some(0.7) else self.pattern()

    # Tokenizers

    def normalizer(self, depth=0):
        from tokenizers import Regex, normalizers as n
        if depth == 0 and self.some():
            return n.Sequence([self.normalizer(1) for _ in range(self.r.randint(1, 4))])
        r = self.r
        return r.choice([
            n.NFC, n.NFD, n.NFKC, n.NFKD, n.Lowercase, n.StripAccents, n.Nmt, n.ByteLevel,
            lambda: n.Strip(left=self.some(), right=self.some()),
            lambda: n.Prepend(r.choice(["▁", " ", "_x", ""])),
            lambda: n.Replace(r.choice([" ", "a", "  ", "e", "ss", "\n"]), r.choice(["▁", "", "bb", "é", " "])),
            lambda: n.Replace(Regex(self.any_pattern()), r.choice([" ", "", "#", "▁▁"])),
            lambda: n.BertNormalizer(clean_text=self.some(), handle_chinese_chars=self.some(), strip_accents=r.choice([None, True, False]), lowercase=self.some()),
        ])()

    def pre_tokenizer(self, depth=0):
        from tokenizers import Regex, pre_tokenizers as p
        if depth == 0 and self.some(0.55):
            return p.Sequence([self.pre_tokenizer(1) for _ in range(self.r.randint(1, 3))])
        r = self.r
        return r.choice([
            lambda: p.ByteLevel(add_prefix_space=self.some(0.4), use_regex=self.some(0.6)), p.Whitespace, p.WhitespaceSplit, p.BertPreTokenizer, p.UnicodeScripts,
            lambda: p.Digits(individual_digits=self.some()), lambda: p.Punctuation(r.choice(BEHAVIORS)),
            lambda: p.Metaspace(r.choice("▁▁▁_a"), prepend_scheme=r.choice(["always", "first", "never"]), split=self.some(0.6)),
            lambda: p.Split(Regex(self.any_pattern()), r.choice(BEHAVIORS), invert=self.some(0.3)),
            lambda: p.Split(r.choice([" ", "a", "▁", "--", "ss"]), r.choice(BEHAVIORS), invert=self.some(0.2)),
            lambda: p.CharDelimiterSplit(r.choice([" ", "e", "▁"])), lambda: p.FixedLength(r.randint(1, 6)),
        ])()

    def model(self):
        from tokenizers import models, pre_tokenizers
        r = self.r
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = {}

        def add(token):
            vocabulary.setdefault(token, len(vocabulary))

        kind = r.choice(["bpe", "bpe", "unigram", "wordlevel", "wordpiece"])
        bytes_there = self.some(0.6)
        for token in ["<unk>", *alphabet, "▁", *"éüñ中文日本a1", *(f"<0x{b:02X}>" for b in range(256 if bytes_there else r.choice([0, 200])))]:
            if token == "<unk>" or self.some(0.97):
                add(token)
        if kind == "bpe":
            prefix, suffix = r.choice([None, None, None, "##", ""]), r.choice([None, None, None, "</w>", ""])
            names = [t for t in vocabulary if len(t) == 1]
            for name in names:
                if prefix and self.some(0.9):
                    add(prefix + name)
                if suffix:
                    add(name + suffix)
                    if prefix and self.some(0.9):
                        add(prefix + name + suffix)
            merges = []
            known = list(vocabulary)
            for _ in range(250):
                word = r.choice(["Ġ", "▁", ""]) + r.choice(WORDS)
                if self.some(0.3):
                    word = "".join(byte_character(b) for b in word.encode())
                i = r.randrange(max(1, len(word) - 1))
                j, k = i + r.randint(1, 3), r.randint(1, 3)
                first, second = word[i:j], word[j:j + k]
                if i > 0 and prefix:
                    first = prefix + first
                if prefix:
                    second = prefix + second
                if suffix and j + k >= len(word):
                    second += suffix
                if first not in vocabulary or second not in vocabulary:
                    first, second = r.choice(known), r.choice(known)
                    if prefix and not second.startswith(prefix):
                        continue
                joined = first + (second[len(prefix):] if prefix else second)
                merges.append((first, second))
                add(joined)
                known.append(joined)
            more = dict(ignore_merges=self.some(0.3), fuse_unk=self.some(0.4), byte_fallback=self.some(0.4), continuing_subword_prefix=prefix, end_of_word_suffix=suffix)
            if self.some(0.7):
                more["unk_token"] = r.choice(["<unk>", "<unk>", "<unk>", "nowhere"])
            return models.BPE(vocab=vocabulary, merges=merges, **more)
        for _ in range(400):
            word = r.choice(WORDS)
            i = r.randrange(len(word))
            token = word[i:i + r.randint(1, 7)]
            add(("##" if kind == "wordpiece" and self.some(0.6) else "▁" if self.some(0.3) else "") + token)
        if kind == "unigram":
            scores = r.choice([[-1, -2, -4], [-3], [-1.5, -2.25, -7, 0.5], [0.0]])   # many ties
            return models.Unigram([(t, 0.0 if t == "<unk>" else r.choice(scores)) for t in vocabulary], unk_id=r.choice([0, 0, 0, 5, None]), byte_fallback=self.some(0.4))
        unknown = r.choice(["<unk>", "<unk>", "<unk>", "nowhere"])
        if kind == "wordlevel":
            return models.WordLevel(vocabulary, unk_token=unknown)
        return models.WordPiece(vocabulary, unk_token=unknown, continuing_subword_prefix=r.choice(["##", "##", ""]), max_input_chars_per_word=r.choice([100, 8, 0]))

    def tokenizer(self):
        from tokenizers import AddedToken, Tokenizer
        t = Tokenizer(self.model())
        if self.some(0.75):
            t.normalizer = self.normalizer()
        if self.some(0.85):
            t.pre_tokenizer = self.pre_tokenizer()
        seen = set()
        for content in self.r.sample(ADDED, self.r.choice([0, 1, 3, 6])):
            form = t.normalizer.normalize_str(content) if t.normalizer else content
            if not form or form in seen:   # found everywhere, it lets the package end or never end; which of two alike it takes changes from one start to the next
                continue
            seen.add(form)
            token = AddedToken(content, lstrip=self.some(0.3), rstrip=self.some(0.3), single_word=self.some(0.3), normalized=self.some(), special=self.some())
            (t.add_special_tokens if token.special else t.add_tokens)([token])
        if self.some(0.2):
            t.enable_truncation(self.r.choice([0, 1, 5, 512]))
        if self.some(0.2):
            t.enable_padding(length=self.r.choice([None, 8, 64]), pad_to_multiple_of=self.r.choice([None, 8]))
        return t


def byte_character(b, table={}):
    if not table:
        beyond = 256
        for i in range(256):
            plain = 33 <= i < 127 or 161 <= i < 173 or i >= 174
            table[i] = chr(i if plain else beyond)
            beyond += not plain
    return table[b]


class Answers:
    """answer_text, asked line by line."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def __call__(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def stock(call):
    """What the package says; a panic of it is no answer."""
    try:
        return call()
    except BaseException as error:   # a panic is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return {"error": str(error)}


class Tally:
    def __init__(self, what):
        self.what, self.agreed, self.silent, self.refusals, self.differ = what, 0, 0, {}, []

    def refused(self, why):
        key = why.split("uses ")[-1].split(": ", 1)[-1][:90]
        self.refusals[key] = self.refusals.get(key, 0) + 1

    def told(self, verbose):
        count = sum(self.refusals.values())
        print(f"{self.what}: {self.agreed} agree, {len(self.differ)} differ, {count} refused, {self.silent} that the package itself gives nothing for", flush=True)
        for key, n in sorted(self.refusals.items(), key=lambda item: -item[1])[:60 if verbose else 0]:
            print(f"    {n:5d} refused: {key}")
        for sentence in self.differ[:40]:
            print("    " + sentence)


def is_error(answer):
    return isinstance(answer, dict)


def shrunk(text, differs):
    """A text, shortened while it still shows a difference."""
    again = True
    while again and len(text) > 1:
        again = False
        for size in (len(text) // 2, 4, 1):
            for at in range(0, len(text), max(1, size)):
                shorter = text[:at] + text[at + size:]
                if size and shorter and differs(shorter):
                    text, again = shorter, True
                    break
            if again:
                break
    return text


def compare(tally, name, texts, ours, theirs, show):
    """`ours` of a list of texts, `theirs` of one."""
    said = ours(texts)
    if is_error(said):
        tally.refused(said["error"])
        return
    wrong = None
    for text, one in zip(texts, said):
        right = stock(lambda: theirs(text))
        if is_error(right):
            tally.silent += 1
        elif is_error(one):
            tally.refused(one["error"])
        elif one == right:
            tally.agreed += 1
        elif wrong is None:
            wrong = text
    if wrong is None:
        return

    def differs(text):
        one, right = ours([text])[0], stock(lambda: theirs(text))
        return not is_error(one) and not is_error(right) and one != right

    wrong = shrunk(wrong, differs)
    tally.differ.append(f"{name}: {ascii(wrong)}: Halftone {ascii(ours([wrong])[0])}, tokenizers {ascii(stock(lambda: theirs(wrong)))} {show(wrong)}")


def bytes_at(text):
    """Byte offsets of the characters of a text."""
    at, out = 0, []
    for c in text:
        out.append(at)
        at += len(c.encode())
    return [*out, at]


def compare_patterns(answers, maker, count):
    from tokenizers import Regex, pre_tokenizers
    tally = Tally("patterns")
    for pattern in [*KNOWN_PATTERNS, *(maker.pattern() for _ in range(count))]:
        made = stock(lambda: pre_tokenizers.Split(Regex(pattern), "removed", invert=True))
        if is_error(made):
            tally.silent += 1
            continue

        def theirs(text):
            at = bytes_at(text)
            return [[at[b], at[e]] for _, (b, e) in made.pre_tokenize_str(text) if b < e]

        compare(tally, ascii(pattern), ["".join(maker.fragment() for _ in range(4)) for _ in range(6)], lambda texts: answers(regex=pattern, texts=texts), theirs, lambda _: "")
    return tally


def compare_tokenizers(answers, maker, count, work):
    tally = Tally("tokenizers")
    for i in range(count):
        t = stock(maker.tokenizer)
        if is_error(t):
            tally.silent += 1
            continue
        folder = os.path.join(work, f"t{i}")
        os.makedirs(folder)
        t.save(os.path.join(folder, "tokenizer.json"))
        t.no_truncation()   # that of a file is what a batch is cut to; a text is read whole
        t.no_padding()
        with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
            parts = json.load(file)
        parts["model"] = {k: v for k, v in parts["model"].items() if k not in ("vocab", "merges")}
        texts = [maker.r.choice(["", " ", "\n"]).join(maker.r.choice(ADDED) if maker.some(0.3) else maker.fragment() for _ in range(maker.r.randint(1, 8))) for _ in range(20)]
        before = len(tally.differ)
        compare(tally, folder, texts, lambda some: answers(folder=folder, texts=some), lambda text: t.encode(text, add_special_tokens=False).ids,
                lambda text: f"{t.encode(text, add_special_tokens=False).tokens!a} {json.dumps(parts)}")
        if len(tally.differ) == before:
            shutil.rmtree(folder)
    return tally


def compare_normalizers(answers, everything):
    """Each of the plain ones on every code point, alone, within a word, and with combining marks."""
    from tokenizers import normalizers as n
    tally = Tally("normalizers")
    points = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
    marks = [chr(c) for c in range(0x300, 0x370)] if everything else list("\u0301\u0307\u0308\u0327\u0345\u0331\u0338")
    marks += ["\u05b0", "\u0651", "\u093c", "\u09be", "\u0e38", "\u11a8", "\u1161", "\u3099", "\u1d165", "\U0001d165", "\u200d", "\ufe0f", "Σ", "a\u0323\u0301", "σ"]
    letters = [c for c in points if unicodedata.category(c)[0] in "LM"] if everything else [c for c in points if ord(c) < 0x2100 or 0x3040 <= ord(c) < 0x3100 or 0xAC00 <= ord(c) < 0xAC40]
    batches = [points, ["a" + c + "b" for c in points], [unicodedata.normalize(form, c) for c in points for form in ("NFD", "NFKD") if unicodedata.normalize(form, c) != c]] + [[c + m for c in letters] for m in marks] + [[m + c for c in letters] for m in marks]
    plain = [n.NFC(), n.NFD(), n.NFKC(), n.NFKD(), n.Lowercase(), n.StripAccents(), n.Nmt(), n.Sequence([n.NFD(), n.StripAccents()])]
    plain += [n.BertNormalizer(clean_text=c, handle_chinese_chars=h, strip_accents=s, lowercase=low) for c, h, s, low in ((True, True, None, True), (True, False, False, False), (False, True, True, False), (False, False, None, False))]
    for normalizer in plain:
        description = json.loads(normalizer.__getstate__())
        for batch in batches:
            for at in range(0, len(batch), 4000):
                some = batch[at:at + 4000]
                compare(tally, json.dumps(description), ["\n".join(some)], lambda texts: answers(normalizer=description, texts=texts), normalizer.normalize_str, lambda _: "")
    return tally


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--python")
    parser.add_argument("--seed", type=int, default=20261201)
    parser.add_argument("--count", type=int, default=400, help="tokenizers, and patterns")
    parser.add_argument("--only", choices=["patterns", "tokenizers", "normalizers"])
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    if args.python and os.path.isfile(args.python) and os.path.abspath(args.python) != os.path.abspath(sys.executable):
        os.execv(args.python, [args.python, *[a for a in sys.argv if a != args.python and a != "--python"]])
    try:
        import tokenizers
    except ImportError:
        print("skipped: no package tokenizers")
        sys.exit(77)
    shutil.rmtree(args.work, ignore_errors=True)
    os.makedirs(args.work)
    answers, maker = Answers(args.answers), Maker(args.seed)
    tallies = []
    if args.only in (None, "patterns"):
        tallies.append(compare_patterns(answers, maker, args.count))
    if args.only in (None, "tokenizers"):
        tallies.append(compare_tokenizers(answers, maker, args.count, args.work))
    if args.only in (None, "normalizers"):
        tallies.append(compare_normalizers(answers, args.all))
    print("tokenizers", tokenizers.__version__)
    for tally in tallies:
        tally.told(args.count > 400 or args.only)
    sys.exit(1 if any(tally.differ or not tally.agreed for tally in tallies) else 0)


if __name__ == "__main__":
    main()
