"""How long LSTM and GRU take on this machine's processor, kernel by kernel.

One row is one ratio of two candidates that were timed in turns, with a 95 % interval, the quartiles of both, and the
machine. ``default``: ``nn.GRU`` over ``nn.LSTM`` as torch ships them, oneDNN on; ``native``: the same with oneDNN off;
``ours``: our step functions, one loop over time for both; ``fusion``: ``nn.LSTM`` with oneDNN off over ``nn.LSTM`` with
it on: the fused kernel's worth; ``seeds lstm`` (``gru``, ``rnn``): ten of torch's layers in turn over ten of our seeds.
Modes: ``training`` and ``ten seeds`` are forward and backward, ``inference`` forward alone, over a whole sequence;
``step`` is one step of one sequence without gradients. The article's claims of speed (C17, C18) are judged by a larger
grid with a rule of its own; this study shows the size of the kernel's effect."""

import torch
from torch import nn

from gatedrnn import GRU, LSTM, RNN, reproducible
from gatedrnn.bench import compare_times, environment, kernels, ratio
from gatedrnn.reproduce import onednn

ROUNDS = 30
BLOCKS = [(mode, H) for mode in ("training", "inference", "step") for H in (32, 64, 128, 256)]
BLOCKS += [("ten seeds", H) for H in (16, 32, 64)]
PAIRS = {"default": ("nn.GRU", "nn.LSTM"), "native": ("nn.GRU, oneDNN off", "nn.LSTM, oneDNN off")}
PAIRS |= {"ours": ("GRU loop", "LSTM loop"), "fusion": ("nn.LSTM, oneDNN off", "nn.LSTM")}
SEED_PAIRS = {f"seeds {cell}": (f"ten torch, {cell}", f"ten ours, {cell}") for cell in ("lstm", "gru", "rnn")}


def call(layer, x, mode, fused=True):
    """A function of no arguments that runs the layer once in that mode, with oneDNN on or off."""

    def run():
        with onednn(fused), torch.set_grad_enabled(mode == "training"):
            output, _ = layer(x)
            if mode == "training":
                output.sum().backward()

    return run


def layers(hidden_size, mode, B=32, T=100, I=32):
    """The six candidates of one comparison, {name: callable}. Ours run their loop: with oneDNN off, nothing else."""
    x, candidates = torch.randn((1, 1, I) if mode == "step" else (B, T, I)), {}
    for name, theirs, ours in (("LSTM", nn.LSTM, LSTM), ("GRU", nn.GRU, GRU)):
        layer = theirs(I, hidden_size, batch_first=True)
        candidates[f"nn.{name}"] = call(layer, x, mode)
        candidates[f"nn.{name}, oneDNN off"] = call(layer, x, mode, fused=False)
        candidates[f"{name} loop"] = call(ours(I, hidden_size), x, mode, fused=False)
    return candidates


def ten_seeds(hidden_size, S=10, B=32, T=100, I=2):
    """Ten layers of torch one after the other, and ten seeds of ours at once, for each cell."""
    x, candidates = torch.randn(S, B, T, I), {}
    for name, theirs, ours in (("lstm", nn.LSTM, LSTM), ("gru", nn.GRU, GRU), ("rnn", nn.RNN, RNN)):
        alone = [call(theirs(I, hidden_size, batch_first=True), x[s], "training") for s in range(S)]
        candidates[f"ten torch, {name}"] = lambda runs=alone: [run() for run in runs]
        candidates[f"ten ours, {name}"] = call(ours(I, hidden_size, seeds=S), x, "training")
    return candidates


def block(mode, hidden_size, rounds=ROUNDS, only=None):
    """Time one block of candidates, or those of the comparison ``only``; one dict for each comparison, without the
    environment."""
    many = mode == "ten seeds"
    candidates, pairs = (ten_seeds(hidden_size), SEED_PAIRS) if many else (layers(hidden_size, mode), PAIRS)
    pairs = {only: pairs[only]} if only else pairs
    times = compare_times({name: candidates[name] for pair in pairs.values() for name in pair}, rounds=rounds)
    return [_row(name, mode, hidden_size, candidates, ratio(times, *pair), pair) for name, pair in pairs.items()]


def _row(name, mode, hidden_size, candidates, r, pair):
    row = {"comparison": name, "mode": mode, "hidden_size": hidden_size, "ratio": r.ratio, "low": r.low, "high": r.high}
    for side, candidate, quartiles in zip("ab", pair, (r.quartiles_a, r.quartiles_b), strict=True):
        row |= {side: candidate, f"{side}_fused": "aten::mkldnn_rnn_layer" in kernels(candidates[candidate])}
        row |= {f"{side}_{q}_ms": 1e3 * t for q, t in zip(("q25", "median", "q75"), quartiles, strict=True)}
    return row


def grid(store):
    """Every comparison of every block."""
    pairs = lambda mode: SEED_PAIRS if mode == "ten seeds" else PAIRS
    return [{"comparison": name, "mode": mode, "hidden_size": H} for mode, H in BLOCKS for name in pairs(mode)]


KEYS, PHASES = ["comparison", "mode", "hidden_size"], [grid]
COLUMNS = ["ratio", "low", "high"]
COLUMNS += [f"{side}{of}" for side in "ab" for of in ("", "_fused", "_q25_ms", "_median_ms", "_q75_ms")]
COLUMNS += ["rounds", "cpu", "instructions", "platform", "python", "torch", "numpy", "threads"]
COLUMNS += ["onednn_available", "onednn_enabled", "blas"]
ALONE = True


def measure(config, hidden_size=None, rounds=ROUNDS):
    """The row of one config of the study. ``measure("training", 64)``, for the chapter, is ``block``."""
    if isinstance(config, str):
        return block(config, hidden_size, rounds)
    reproducible(dtype=torch.float32)
    rows = block(config["mode"], config["hidden_size"], rounds, only=config["comparison"])
    return [row | {"rounds": rounds} | environment() for row in rows]
