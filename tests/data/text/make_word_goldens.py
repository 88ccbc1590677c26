#!/usr/bin/env python3
"""Writes small Unigram, WordLevel and WordPiece tokenizers and the ids that the package tokenizers gives to lines.bin.

Needs tokenizers 0.23.3 and sentencepiece 0.2.x (for a compiled map of normalization rules). Run in this folder, behind make_goldens.py."""
import base64
import io
import json
import os
import random
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

R = random.Random(20261130)
LINES = open("lines.bin", "rb").read().split(b"\0")
TEXTS = [t.decode("utf-8", "replace") for t in LINES]
TRAINING = [t for t in TEXTS if "<" not in t and "\ufffd" not in t]

# Sources and what replaces them, as code points: characters, sequences, a whole cluster, and what is dropped.
RULES = [("ﬁ", "fi"), ("①", "1"), ("２", "2"), ("３", "3"), ("\t", " "), ("\u3000", " "), ("\u00a0", " "), ("\u200b", ""), ("é", "e"), ("e\u0301", "e"), ("½", "1/2"), ("ß", "ss"),
         ("カ", "か"), ("\r\n", " "), ("\n", " "), ("²", "2"), ("™", "TM"), ("İ", "I"), ("→", "->"), ("\u0430\u0431", "ab"), ("…", "...")]


def charsmap():
    with tempfile.TemporaryDirectory() as d:
        rules = d + "/rules.tsv"
        code = lambda text: " ".join("%04X" % ord(c) for c in text)
        open(rules, "w").write("".join("%s\t%s\n" % (code(a), code(b)) for a, b in RULES))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g"] * 9), model_writer=model, model_type="char", vocab_size=12, normalization_rule_tsv=rules, minloglevel=2)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(model.getvalue())
        return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def unigram(texts, specials, size):
    t = Tokenizer(models.Unigram())
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    plain = ["".join(c for c in x if ord(c) < 0x250 or c in "的量中か化") for x in texts]
    t.train_from_iterator([x for x in plain if x], trainers.UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False))
    return json.loads(t.to_str())["model"]["vocab"]


def kinds():
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab = [tuple(v) for v in unigram(TRAINING, specials, 700)]
    t = Tokenizer(models.Unigram(vocab, unk_id=3))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(base64.b64decode(charsmap())), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.decoder = decoders.Metaspace()
    t.add_special_tokens(specials)
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("<tool>", lstrip=True)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    yield "unigram", t

    vocab = vocab[:4] + [("<0x%02X>" % b, -30.0) for b in range(256)] + [v for v in vocab[4:] if ord(max(v[0])) < 0x3000]
    t = Tokenizer(models.Unigram(vocab, unk_id=3, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(left=True, right=False)])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first", split=False)])
    t.add_special_tokens(["<s>", "</s>"])
    yield "unigram-bytes", t

    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Nmt()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Split(Regex(r"\p{L}{,3}(?=\d)|\d{2,3}?"), "isolated")])
    t.train_from_iterator(TRAINING, trainers.WordLevelTrainer(vocab_size=800, special_tokens=["[UNK]", "<|bos|>"], show_progress=False))
    yield "wordlevel", t

    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=24))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(TRAINING, trainers.WordPieceTrainer(vocab_size=900, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], limit_alphabet=300, show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    yield "wordpiece", t


for name, t in kinds():
    os.makedirs(name, exist_ok=True)
    j = json.loads(t.to_str())
    open(name + "/tokenizer.json", "w").write(json.dumps(j, ensure_ascii=False, separators=(",", ":")) + "\n")
    t = Tokenizer.from_file(name + "/tokenizer.json")
    rows = [t.encode(x, add_special_tokens=False).ids for x in TEXTS]
    open(name + "/ids.txt", "w").write("".join(" ".join(map(str, r)) + "\n" for r in rows))
    size = max(t.get_vocab().values()) + 1
    decoded = [[R.randrange(size) for _ in range(R.randint(1, 8))] for _ in range(60)] + [t.encode(x).ids for x in TEXTS[1:20]]
    open(name + "/decode.json", "w").write(json.dumps({"special": t.encode("A b", add_special_tokens=True).ids, "decoded": [[r, t.decode(r, skip_special_tokens=False)] for r in decoded if r]},
                                                      ensure_ascii=False, separators=(",", ":")) + "\n")
    print(name, size, sum(map(len, rows)))
