#!/usr/bin/env python3
"""Trains small tokenizers and writes the ids that their reference libraries give to lines.bin.

Needs tokenizers 0.22.2, transformers 4.57.6 and sentencepiece 0.2.x (figures in versions.json). Run in this folder: make_goldens.py
All texts are made here from a seed; lines.bin holds them as bytes, separated by NUL. A broken byte counts as Python's
bytes.decode("utf-8", "replace") has it, since the references take text only."""
import io
import json
import os
import random
import shutil
import tempfile
import unicodedata

import sentencepiece
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

R = random.Random(20240611)

PROSE = """The quantizer rounds each weight to the nearest point of its grid, and the error travels on.
She said it wasn't her fault; they'd left early, we've stayed, I'm sure you're right and he'll agree.
A model's outliers sit in a few channels, so one scale for the whole tensor wastes most of its levels.
"Why," he asked, "would anyone measure perplexity on ten windows only?" Nobody answered.
Rain fell on the harbour all night; by morning the boats were gone and the gulls had the quay to themselves.
In 1987 the bridge cost $12.5 million (about 40% more than planned) and opened on 3 May.
THE HEADLINE SHOUTED: DON'T PANIC! IT'S ONLY A TEST, AND WE'LL SAY SO.
Café naïve façade résumé über Straße coöperate señor Ærø Łódź.
""".strip().split("\n")
CODE = r"""for (int i = 0; i < n; ++i) { sum += x[i] * y[i]; }
def f(x, *args, **kw):
    return {k: v for k, v in zip(x, args)}  # comment
if (ptr != nullptr && ptr->next->value >= 0x7fff) return -1;
	std::vector<std::pair<int,float>> v{{1,2.5f},{3,4e-7f}};
SELECT name, COUNT(*) FROM runs WHERE bits<=4 GROUP BY name;
<html><body class="a b">&nbsp;text</body></html>
$ ls -la ./build/*.o | grep -v '^total' > /dev/null 2>&1
#include <cstdint>
        self.assertEqual(len(out), 1_000_000)
""".strip("\n").split("\n")
WORLD = """量化器把每个权重舍入到最近的网格点。
今天天气很好，我们去公园散步吧！価格は１２３４円です。
カタカナとひらがなと漢字が混ざった文章。
양자화는 모델의 크기를 줄입니다. 안녕하세요?
القطة جلست على السجادة، ثم نامت ١٢٣ ساعة.
هذا نص عربي مع تشكيل: مُحَمَّدٌ كَتَبَ الدَّرْسَ۔
यह एक हिन्दी वाक्य है, १२३ के साथ।
ภาษาไทยไม่มีช่องว่างระหว่างคำ
Привет, мир! Это проверка 2024 года — «кавычки» и ёлка.
Ελληνικά κείμενα με τόνους: ἀρχὴ σοφίας.
שלום עולם, זה מבחן: 42.
Tiếng Việt có dấu: Nguyễn Văn Ánh đã đến Đà Nẵng.
ქართული ენა, հայերեն լեզու, አማርኛ።
""".strip().split("\n")
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "🦙", "❤️", "🏳️‍🌈", "⚙️", "1️⃣", "✨", "🤖", "☕", "→", "≤", "∑", "½", "№", "²", "Ⅷ", "㊙", "™"]
SPACES = [" ", "  ", "   ", "    ", "\t", "\t\t", "\n", "\n\n", "\r\n", " \n", "\n ", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\v", "\f", "\u200b", "\ufeff", "\u180e"]
NUMBERS = ["0", "7", "42", "3.14159", "1,234,567", "1e-5", "0x1F", "100000000000", "12345678", "٣٤٥", "१२३", "Ⅻ", "３２", "½", "2024-06-11", "-1", "+49 30 1234"]
SPECIALS = ["<|bos|>", "<|eos|>", "<|mark|>", "<s>", "</s>", "<unk>", "<|im_start|>", "  <mask>  ", "word", "swords", "<tool>", "<0x41>"]
BROKEN = [b"\xff", b"\x80", b"\xc3", b"\xe4\xbd", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"\xe2\x28\xa1", b"\xfe\xfe\xff\xff", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xbf\xbf"]
MARKS = ["e\u0301", "A\u030a", "a\u0323\u0302", "a\u0302\u0323", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0915\u093c", "o\u031b\u0323", "\u212b", "\u2126", "\u0344", "q\u0307\u0323", "\u1e9b\u0323", "\ufb01", "\u05d0\u05b8\u05bc", "\u0958", "i\u0307", "İ", "ſ", "K", "ẞ"]
CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'VE", "'m", "'M", "'ll", "'LL", "'d", "'D", "’s", "'x", "''", "'ſ", "'ſt"]
# Code points that Unicode 3.2 knew: every library agrees on their properties.
OLD = [chr(c) for c in range(0x20, 0x20000) if unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Cc") and unicodedata.category(chr(c)) == unicodedata.ucd_3_2_0.category(chr(c))]


def words(n):
    return " ".join(R.choice(R.choice(PROSE).split()) for _ in range(n))


def mixed(n):
    pools = [SPACES, NUMBERS, EMOJI, MARKS, CONTRACTIONS, list(".,;:!?()[]{}<>/\\|-_=+*&^%$#@~`\"'")]
    out = ""
    for _ in range(n):
        k = R.random()
        out += R.choice(R.choice(pools)) if k < 0.6 else words(1) if k < 0.85 else R.choice(WORLD)[: R.randint(1, 6)]
    return out


def make_lines():
    lines = [b""] + [t.encode() for t in PROSE + CODE + WORLD]
    add = lambda t: lines.append(t.encode() if isinstance(t, str) else t)
    for _ in range(300):
        add(words(R.randint(1, 12)))
    for _ in range(200):
        add(R.choice(CODE)[R.randint(0, 20):] + R.choice(SPACES) + R.choice(CODE)[: R.randint(5, 40)])
    for _ in range(250):
        t = R.choice(WORLD)
        a = R.randint(0, len(t) - 1)
        add(t[a: a + R.randint(2, 20)] + R.choice(["", " ", words(2)]))
    for _ in range(200):
        add(R.choice(["", " ", "x"]).join(R.choice(NUMBERS) for _ in range(R.randint(1, 5))))
    for _ in range(150):
        add(R.choice(["", " "]).join(R.choice(EMOJI) for _ in range(R.randint(1, 6))) + R.choice(["", words(2)]))
    for _ in range(250):
        add("".join(R.choice(SPACES) if R.random() < 0.6 else R.choice(["a", "B", "1", ".", "word", "中"]) for _ in range(R.randint(1, 12))))
    for _ in range(100):
        add(R.choice(["", "it", "IT", " ", "1", "é"]) + R.choice(CONTRACTIONS) + R.choice(["", " ", "s", "x y", "\n"]))
    for _ in range(150):
        add("".join(R.choice(MARKS) for _ in range(R.randint(1, 5))) + words(1))
    for _ in range(200):
        add(R.choice(["", " ", "a ", "\n"]).join(R.choice(SPECIALS) if R.random() < 0.5 else words(1) for _ in range(R.randint(1, 6))))
    for _ in range(200):
        add(b"".join(R.choice(BROKEN) if R.random() < 0.4 else words(1).encode()[: R.randint(1, 8)] for _ in range(R.randint(1, 6))))
    for _ in range(200):
        add(mixed(R.randint(2, 8)))
    for _ in range(150):
        add("".join(R.choice(OLD) for _ in range(R.randint(2, 8))))
    for _ in range(100):
        add("".join(chr(R.randint(32, 126)) for _ in range(R.randint(2, 24))))
    add(" " * 200 + "x"), add("a" * 300), add("\n" * 100), add("1" * 99), add("ab " * 60), add("的" * 120), add("\t " * 40 + "\r\n" * 5 + ".")
    assert all(b"\0" not in t for t in lines)
    return lines


GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"


def byte_level(pre, normalizer=None, ignore_merges=False, vocabulary=700, specials=("<|bos|>", "<|eos|>", "<|mark|>")):
    t = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    t.pre_tokenizer = pre
    if normalizer:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(specials), show_progress=False,
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return t


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated", False), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_fallback(metaspace):
    """As Llama 2 (normalizer Prepend and Replace) or Mistral (pre-tokenizer Metaspace)."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next", False)
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(vocab_size=500, special_tokens=["<unk>", "<s>", "</s>"], limit_alphabet=120, show_progress=False))
    j = json.loads(t.to_str())
    learned = sorted(j["model"]["vocab"], key=j["model"]["vocab"].get)[3:]
    pieces = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)] + learned
    j["model"].update(vocab={p: i for i, p in enumerate(pieces)}, fuse_unk=True, byte_fallback=not metaspace)
    if metaspace:
        j["normalizer"] = None
        j["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
        j["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    else:
        j["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
        j["pre_tokenizer"] = None
        j["decoder"] = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                                         {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    t = Tokenizer.from_str(json.dumps(j))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return t


def words_only():
    """What the known steps offer besides: no bytes, an unknown token, added tokens of every kind."""
    t = Tokenizer(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\d{5,}"), "#"), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(False)])
    t.decoder = decoders.BPEDecoder()
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(vocab_size=700, special_tokens=["[UNK]", "<|bos|>"], limit_alphabet=150, show_progress=False, end_of_word_suffix="</w>"))
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("<tool>", normalized=True), AddedToken("  <mask>  ".strip(), lstrip=True, rstrip=True, normalized=False)])
    return t


def kinds():
    gpt2 = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False))
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    yield "gpt2", gpt2
    roberta = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), vocabulary=600)
    roberta.post_processor = processors.RobertaProcessing(("<|eos|>", 1), ("<|bos|>", 0))
    yield "roberta", roberta
    llama3 = byte_level(split(LLAMA3), ignore_merges=True)
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|bos|> $A", pair="<|bos|> $A <|bos|> $B", special_tokens=[("<|bos|>", 0)])])
    yield "llama3", llama3
    yield "qwen2", byte_level(split(QWEN2), normalizers.NFC())
    yield "smollm", byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]))
    yield "bloom", byte_level(split(BLOOM))
    yield "gpt4o", byte_level(split(GPT4O), vocabulary=600)
    yield "falcon", byte_level(pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
                                                        pre_tokenizers.Digits(False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated", False)]), vocabulary=600)
    yield "llama2", byte_fallback(False)
    yield "mistral", byte_fallback(True)
    yield "words", words_only()


def write(name, data):
    with open(name, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


LINES = make_lines()
TEXTS = [t.decode("utf-8", "replace") for t in LINES]
TRAINING = [t for t in TEXTS if "<" not in t and "\ufffd" not in t] * 2


def ids_text(rows):
    return "".join(" ".join(map(str, r)) + "\n" for r in rows)


def main():
    write("lines.bin", b"\0".join(LINES))
    decode = {}
    for name, t in kinds():
        os.makedirs(name, exist_ok=True)
        j = json.loads(t.to_str())
        write(name + "/tokenizer.json", json.dumps(j, ensure_ascii=False, separators=(",", ":")) + "\n")
        t = Tokenizer.from_file(name + "/tokenizer.json")
        plain = [t.encode(x, add_special_tokens=False).ids for x in TEXTS]
        write(name + "/ids.txt", ids_text(plain))
        size = max(t.get_vocab().values()) + 1
        rows = [[R.randrange(size) for _ in range(R.randint(1, 8))] for _ in range(60)]
        rows += [t.encode(x).ids for x in TEXTS[1:20]]
        decode[name] = {"special": t.encode("A b", add_special_tokens=True).ids,
                        "decoded": [[r, t.decode(r, skip_special_tokens=False)] for r in rows if r]}
        if name == "gpt2":  # the same vocabulary as OPT keeps it
            with tempfile.TemporaryDirectory() as d:
                write(d + "/vocab.json", json.dumps(j["model"]["vocab"]))
                write(d + "/merges.txt", "#version: 0.2\n" + "".join("%s %s\n" % tuple(m) for m in j["model"]["merges"]))
                fast = transformers.GPT2TokenizerFast(d + "/vocab.json", d + "/merges.txt", bos_token="<|bos|>", eos_token="<|eos|>", unk_token="<|eos|>",
                                                      additional_special_tokens=["<|mark|>"])
                assert [fast(x, add_special_tokens=False)["input_ids"] for x in TEXTS] == plain
    training = [t.replace("\n", " ").replace("▁", "_") for t in TRAINING]
    for kind in ("bpe", "unigram"):
        name = "sentencepiece-" + kind
        os.makedirs(name, exist_ok=True)
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter([t for t in training if t]), model_writer=model, model_type=kind, vocab_size=800,
                                                 byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity",
                                                 remove_extra_whitespaces=False, user_defined_symbols=["<|mark|>", "<tool>"], minloglevel=2,
                                                 num_threads=1, split_digits=True, allow_whitespace_only_pieces=kind == "bpe")  # unigram would have ties, which versions break differently
        write(name + "/tokenizer.model", model.getvalue())
        s = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        write(name + "/ids.txt", ids_text([s.encode(x) for x in TEXTS]))
        pieces = [[s.id_to_piece(i), s.get_score(i), 2 if s.is_unknown(i) else 3 if s.is_control(i) else 6 if s.is_byte(i) else 4 if s.id_to_piece(i) in
                   ("<|mark|>", "<tool>") else 1] for i in range(s.get_piece_size())]
        write(name + "/pieces.json", json.dumps(pieces, ensure_ascii=False, separators=(",", ":")) + "\n")
    write("decode.json", json.dumps(decode, ensure_ascii=False, separators=(",", ":")) + "\n")
    write("versions.json", json.dumps({"tokenizers": tokenizers.__version__, "transformers": transformers.__version__, "sentencepiece": sentencepiece.__version__,
                                       "unicode": unicodedata.unidata_version, "lines": len(LINES)}, indent=1) + "\n")
    print(len(LINES), "lines")


if __name__ == "__main__":
    main()
