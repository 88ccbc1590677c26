"""The orderings that the papers lead one to expect of table.py's rows, judged by measurement, seed by seed."""

WEIGHTS = ["W4A16 g64", "W3A16 g64", "W2A16 g32"]
BOTH = ["W8A8 static", "W4A8 token", "W4A4 token"]
SLACK = 1.005   # perplexities closer than half a per cent are equal,
KL_SLACK = 1.02   # and then the divergences from the float model decide, where they differ by more


class Rows:
    def __init__(self, rows, seed, seeds):
        self.by = {}
        for row in sorted(rows, key=lambda row: row["seed"] != seeds[0]):
            key = row["setting"], row["method"]
            if row["seed"] == seed or (row["seed"] == seeds[0] and key not in self.by):   # what draws nothing has the first seed only
                self.by[key] = row

    def get(self, setting, method, what="perplexity"):
        row = self.by.get((setting, method))
        return row.get(what) if row else None


def chain(rows, setting, better, worse):
    """`better` not above `worse` -> (verdict, figures)"""
    a, b = rows.get(setting, better), rows.get(setting, worse)
    if a is None or b is None:
        return "-", f"{better} or {worse} not measured"
    verdict = "holds" if a < b / SLACK else "equal" if a <= b * SLACK else "FAILS"
    figures = f"{better} {a:.4g}, {worse} {b:.4g}"
    if verdict == "equal":
        a, b = rows.get(setting, better, "kl"), rows.get(setting, worse, "kl")
        verdict = "by KL" if a < b / KL_SLACK else "equal" if a <= b * KL_SLACK else "FAILS"
        figures += f"; KL {a:.4f}, {b:.4f}"
    return verdict, figures


def checks(rows, base):
    """(sentence, verdict, figures) of every expected ordering"""
    for setting in WEIGHTS + BOTH:
        others = [m for (s, m) in rows.by if s == setting and m != "rtn"]
        rtn = rows.get(setting, "rtn")
        if rtn is None or not others:
            yield f"{setting}: rounding to nearest is worst", "-", "not measured"
            continue
        worst = max(others, key=lambda m: rows.get(setting, m))
        above = [m for m in others if rows.get(setting, m) > rtn * SLACK]
        yield (f"{setting}: rounding to nearest is worst", "FAILS" if above else "holds",
               f"rtn {rtn:.4g}, next {worst} {rows.get(setting, worst):.4g}" if not above else
               f"rtn {rtn:.4g}, above it " + ", ".join(f"{m} {rows.get(setting, m):.4g}" for m in above))
    for method in ("gptq", "awq"):
        yield (f"W3A16 g64: {method} < rtn", *chain(rows, "W3A16 g64", method, "rtn"))
    for method in ("omniquant", "affinequant"):
        yield (f"W4A4 token: {method} < smoothquant", *chain(rows, "W4A4 token", method, "smoothquant"))
    yield ("W4A4 token: smoothquant < rtn", *chain(rows, "W4A4 token", "smoothquant", "rtn"))
    for setting in ("W8A8 static", "W4A8 token"):
        for method in ("lrq", "flexround"):
            yield (f"{setting}: {method} < rtn", *chain(rows, setting, method, "rtn"))
    for setting in WEIGHTS + BOTH:
        lrq, flexround = (rows.get(setting, m, "gap") for m in ("lrq", "flexround"))
        if lrq and flexround:
            yield (f"{setting}: LRQ's gap between calibration and held-out text < FlexRound's", "holds" if lrq < flexround else "FAILS",
                   f"lrq {lrq:.3f}, flexround {flexround:.3f}")
    for method in ("rtn", "gptq", "zeroquant-local"):
        pairs = {setting: [(rows.get(setting, method + end), rows.get(setting, method + end, "kl")) for end in ("", "+lorc")] for setting in WEIGHTS}
        if all(pair[0] and perplexity for pair in pairs.values() for perplexity, _ in pair):
            gains = {setting: plain[1] - with_lorc[1] for setting, (plain, with_lorc) in pairs.items()}
            verdict = "holds" if max(gains["W2A16 g32"], gains["W3A16 g64"]) > max(0, gains["W4A16 g64"]) else "FAILS"
            yield (f"LoRC improves {method} most at W2/W3 (KL)", verdict,
                   ", ".join(f"{s[:5]}: KL {-gains[s]:+.4f}, perplexity {100 * (pairs[s][1][0] / pairs[s][0][0] - 1):+.1f} %" for s in WEIGHTS))
        else:
            yield f"LoRC improves {method} most at W2/W3 (KL)", "-", "not measured"
    for setting in BOTH:
        for method in ("zeroquant-global", "zeroquant-local"):
            yield (f"{setting}: {method} < gptq", *chain(rows, setting, method, "gptq"))
    cross = rows.get("A8", "crossquant")
    yield ("A8: CrossQuant is near the float model (1 %)", "-" if cross is None else "holds" if cross < 1.01 * base else "FAILS",
           "not measured" if cross is None else f"float {base:.4g}, crossquant {cross:.4g}, per token {rows.get('A8', 'per token') or 0:.4g}")
    for setting in ("A6", "A4"):
        for method in ("crossquant", "crossquant static", "crossquant folded"):
            yield (f"{setting}: {method} < per token", *chain(rows, setting, method, "per token"))


def report(model, base, kernels, rows, seeds):
    print(f"\n{model}: expected orderings (perplexities within half a per cent count as equal; then KL decides)")
    first = list(checks(Rows(rows, seeds[0], seeds), base))
    other = [{sentence: (verdict, figures) for sentence, verdict, figures in checks(Rows(rows, seed, seeds), base)}
             if any(row["seed"] == seed for row in rows) else {} for seed in seeds[1:]]
    for sentence, verdict, figures in first:
        print(f"  {verdict:6} {sentence}: {figures}")
        for seed, verdicts in zip(seeds[1:], other):
            again = verdicts.get(sentence)
            if again and again[1] != figures:
                print(f"  {again[0]:6}   seed {seed}: {again[1]}")
    print(f"  {model}: activations rounded to zero | clipped, means over the sites on the held-out text")
    for setting, shares in kernels.items():
        grids = [grid for grid in shares["kernel"] if grid in ("per_tensor", "per_token", "cross", "cross_static")]
        print(f"    {setting}: " + ", ".join(f"{grid} {100 * shares['kernel'][grid]:.2f} % | {100 * shares.get('clipped', {}).get(grid, 0):.3f} %" for grid in grids))
