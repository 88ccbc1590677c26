#!/usr/bin/env python3
"""Makes tiny-llama/ and tiny-text.txt: a Llama of four blocks (hidden 64) with a byte-level BPE tokenizer of 512 pieces, trained for a
few hundred steps on prose that this script writes itself. Small enough for every test, real enough that quantizing it costs something.

Made with torch 2.13.0, transformers 4.57.6, tokenizers 0.22. Run beside this file: python make_tiny_llama.py
"""
import json
import random
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
SEED = 7

PEOPLE = ["the miller", "her sister", "an old printer", "the lamplighter", "the ferryman", "a young engraver", "the clockmaker",
          "Mara", "Tobias", "the keeper of the archive", "a travelling painter", "the glazier's apprentice"]
PLACES = ["the harbour", "the market square", "a narrow workshop", "the north tower", "the paper mill", "the garden behind the church",
          "an empty theatre", "the bridge", "the reading room", "a house by the canal"]
THINGS = ["a copper plate", "the ledger", "a box of type", "three letters", "a jar of ink", "the broken clock", "a bundle of prints",
          "a map of the coast", "the brass key", "a sheet of grey paper", "the second volume", "a small loaf of bread"]
VERBS = ["carried", "mended", "hid", "found", "sold", "copied", "lost", "wrapped", "weighed", "counted", "described", "returned"]
TIMES = ["In the morning", "Before the rain", "On the third day", "After the bells", "Late in autumn", "When the tide turned",
         "At noon", "Every winter", "Once, in 1847,", "Toward evening"]
REASONS = ["because nobody had asked for it", "so that the colours would not fade", "although the door was locked",
           "while the others were asleep", "as if it had always been there", "for less than twelve shillings",
           "without saying a word", "and wrote down the hour: 6:45", "since the light was nearly gone"]
REMARKS = ["\u201cIt is only a matter of dots,\u201d said {p}.", "\u201cLook closer,\u201d {p} said, \u201cand the picture falls apart.\u201d",
           "Nobody believed {p} at first.", "{P} smiled and said nothing.", "The answer, as {p} knew, was seldom so simple.",
           "That was how {p} learned to wait."]
FACTS = ["A picture made of dots has no grey in it at all; the eye mixes black and white by itself.",
         "The finer the screen, the more the paper mattered.",
         "Of every hundred sheets, four or five were spoiled.",
         "From a distance the coarse print and the fine one looked the same.",
         "What was thrown away could not be brought back, but most of it was never missed.",
         "Small errors, spread evenly, were easier to forgive than one large mistake."]


def sentence(rng):
    kind = rng.random()
    p, q = rng.sample(PEOPLE, 2)
    if kind < 0.45:
        return f"{rng.choice(TIMES)} {p} {rng.choice(VERBS)} {rng.choice(THINGS)} near {rng.choice(PLACES)}, {rng.choice(REASONS)}."
    if kind < 0.65:
        s = f"{p} {rng.choice(VERBS)} {rng.choice(THINGS)} and gave it to {q} {rng.choice(REASONS)}."
        return s[0].upper() + s[1:]
    if kind < 0.85:
        return rng.choice(REMARKS).format(p=p, P=p[0].upper() + p[1:])
    return rng.choice(FACTS)


def prose(rng, characters):
    paragraphs = []
    while sum(map(len, paragraphs)) < characters:
        paragraphs.append(" ".join(sentence(rng) for _ in range(rng.randint(3, 7))))
    return "\n\n".join(paragraphs) + "\n"


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    text = prose(random.Random(SEED), 20000)
    (HERE / "tiny-text.txt").write_text(text, encoding="utf-8")
    training = prose(random.Random(SEED + 1), 200000)

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([training], trainers.BpeTrainer(
        vocab_size=512, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    out = HERE / "tiny-llama"
    out.mkdir(exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<s>", "eos_token": "</s>", "clean_up_tokenization_spaces": False, "model_max_length": 512,
        "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n")

    config = LlamaConfig(vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=512, rope_theta=10000.0, rms_norm_eps=1e-5,
                         tie_word_embeddings=True, bos_token_id=0, eos_token_id=1, dtype="bfloat16", initializer_range=0.05)
    model = LlamaForCausalLM(config).float()
    ids = torch.tensor(tokenizer.encode(training).ids)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    steps, length = 400, 96
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1, (step + 1) / 20) * (1 - step / steps)
        starts = torch.randint(0, len(ids) - length, (12,))
        batch = torch.stack([ids[s:s + length] for s in starts])
        loss = model(batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(step, loss.item())
    weights = {name: value.detach().to(torch.bfloat16).contiguous() for name, value in model.state_dict().items()
               if name != "lm_head.weight"}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    config.architectures = ["LlamaForCausalLM"]
    (out / "config.json").write_text(json.dumps({k: v for k, v in json.loads(config.to_json_string(use_diff=False)).items() if k in (
        "architectures", "attention_bias", "bos_token_id", "dtype", "eos_token_id", "head_dim", "hidden_act", "hidden_size",
        "initializer_range", "intermediate_size", "max_position_embeddings", "mlp_bias", "model_type", "num_attention_heads",
        "num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "rope_scaling", "rope_theta", "tie_word_embeddings",
        "transformers_version", "vocab_size")}, indent=2) + "\n")

    # What tests compare against: perplexity of the first 16 windows of 64 tokens, float32.
    test = torch.tensor(tokenizer.encode(text).ids)
    loaded = LlamaForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    windows = test[:16 * 64].view(16, 64)
    with torch.no_grad():
        logits = loaded(windows).logits.double()
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 512), windows[:, 1:].reshape(-1), reduction="sum")
    print("tokens in text", len(test), "perplexity 16 x 64:", torch.exp(nll / (16 * 63)).item())
    (HERE / "tiny-llama-perplexity.json").write_text(json.dumps(
        {"windows": 16, "length": 64, "tokens_in_text": len(test), "perplexity": torch.exp(nll / (16 * 63)).item(),
         "made_by": "make_tiny_llama.py, transformers 4.57.6, float32"}, indent=2) + "\n")


if __name__ == "__main__":
    main()
