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
from tqdm import tqdm

from gatedrnn import GRU, LSTM, RNN, reproducible
from gatedrnn.bench import compare_times, environment, kernels, ratio
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store, folder

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


def measure(mode, hidden_size, rounds=ROUNDS):
    """Time one block of candidates; one dict for each comparison, without the environment."""
    many = mode == "ten seeds"
    candidates, pairs = (ten_seeds(hidden_size), SEED_PAIRS) if many else (layers(hidden_size, mode), PAIRS)
    times, rows = compare_times(candidates, rounds=rounds), []
    for name, (a, b) in pairs.items():
        r = ratio(times, a, b)
        row = {"comparison": name, "mode": mode, "hidden_size": hidden_size}
        row |= {"ratio": r.ratio, "low": r.low, "high": r.high}
        for side, candidate, quartiles in (("a", a, r.quartiles_a), ("b", b, r.quartiles_b)):
            row |= {side: candidate, f"{side}_fused": "aten::mkldnn_rnn_layer" in kernels(candidates[candidate])}
            row |= {f"{side}_{q}_ms": 1e3 * t for q, t in zip(("q25", "median", "q75"), quartiles, strict=True)}
        rows.append(row)
    return rows


def run():
    """Measure what ``results/speed.csv`` does not hold yet. Leave the machine alone while it runs."""
    reproducible(dtype=torch.float32)
    store = Store(folder() / "speed.csv", keys=["comparison", "mode", "hidden_size"])
    for mode, size in tqdm(BLOCKS, desc="speed"):
        last = {"comparison": "seeds rnn" if mode == "ten seeds" else "fusion", "mode": mode, "hidden_size": size}
        for row in [] if last in store else measure(mode, size):
            if row not in store:  # a block that was stopped half way is measured again, its stored rows stay
                store.append(row | {"rounds": ROUNDS} | environment())
