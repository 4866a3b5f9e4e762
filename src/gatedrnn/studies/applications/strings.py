"""Which digit came first? Strings of spoken digits, the noise they stand, and the order of frames. (C25)

``three``: at the end of each of three digits in a row, say the first; ``shuffled``: the same on the frames of a string
in a random order; ``one``: single digits. Ten seeds, 2,000 steps of 32 strings, the first 40 frames of each recording;
the LSTM has 16 units, the GRUs as many or as many parameters, the RNN as many units. The learning rate, of {0.003,
0.01, 0.03}, is that of the lowest validation loss on two tuning seeds in half the steps (the GRU tuned at equal
parameters; ``shuffled`` takes the rates of ``three``). ``accuracy``: the share of the 600 test strings answered right
at their end. ``ends``: the same at each end. ``noisy``, ``cut``: (noise or frames kept, accuracy) at the last end, on
test strings with normal noise, or with fewer frames of each recording, neither of which was trained on.
"""

import json
from dataclasses import replace

import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import MODELS, RUN, SEEDS, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks.real.speech import DigitStrings
from gatedrnn.training.train import Config, train

KEYS = ["phase", "task", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "accuracy", "ends", "noisy", "cut"]
TASKS = {
    "three": DigitStrings(),
    "shuffled": DigitStrings(shuffled=True),
    "one": DigitStrings(count=1),
}
RATES, STEPS, WIDTH, LENGTH = (3e-3, 1e-2, 3e-2), 2000, 16, 40
NOISES, CUTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0), (4, 6, 8, 10, 12, 15, 20, 30, 40)
ARMS = [*MODELS, ("rnn", "hidden size")]


def tuning(store):
    """Every learning rate on the two tuning seeds, once for each cell."""
    arms = (ARMS[0], ARMS[2], ARMS[3])
    return [
        _call("tuning", t, arm, rate, TUNING_SEEDS)
        for t in ("three", "one")
        for arm in arms
        for rate in RATES
    ]


def final(store):
    """The ten seeds at the chosen rate."""
    rows = store.rows()
    tuned = rows[rows.phase == "tuning"].fillna({"valid": float("inf")})
    mean = tuned.groupby(["task", "cell", "learning_rate"]).valid.mean()
    rate = lambda t, cell: mean["one" if t == "one" else "three", cell].idxmin().item()
    return [_call("final", t, arm, rate(t, arm[0]), SEEDS) for t in TASKS for arm in ARMS]


def _call(phase, task, arm, rate, seeds):
    return {
        "phase": phase,
        "task": task,
        "cell": arm[0],
        "matched": arm[1],
        "learning_rate": rate,
        "seeds": seeds,
    }


PHASES = [tuning, final]  # about half an hour of one core


def config(call):
    """The ``Config`` of a call."""
    steps, size = (
        STEPS if call["phase"] == "final" else STEPS // 2,
        units(call["cell"], call["matched"], WIDTH, 13),
    )
    options = {"learning_rate": call["learning_rate"], "evaluate_every": 100, "cosine": True}
    return Config(
        TASKS[call["task"]], call["cell"], size, LENGTH, tuple(call["seeds"]), steps, **options
    )


def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    if call["phase"] == "tuning":
        return as_rows(call, run, [dict.fromkeys(COLUMNS[len(RUN) :]) for _ in call["seeds"]])
    run.model.load_state_dict(run.best)
    return as_rows(call, run, tested(run.model, TASKS[call["task"]]))


@torch.no_grad()
def at_ends(model, task, length=LENGTH):
    """The share of right answers of each model at each end of the test strings, (S, count)."""
    batch = task.part("test", length)
    right, end = model(batch.x)[0].argmax(-1) == batch.y, batch.mask.cumsum(1) * batch.mask
    return torch.stack([right[:, end == k].double().mean(-1) for k in range(1, task.count + 1)], 1)


def tested(model, task):
    """What is measured of each model, a list of dicts."""
    ends = at_ends(model, task).tolist()
    noisy = {noise: at_ends(model, replace(task, noise=noise))[:, -1].tolist() for noise in NOISES}
    cut = {frames: at_ends(model, task, frames)[:, -1].tolist() for frames in CUTS}
    curve = lambda found, s: json.dumps([[x, round(values[s], 4)] for x, values in found.items()])
    return [
        {
            "accuracy": share[-1],
            "ends": json.dumps(share),
            "noisy": curve(noisy, s),
            "cut": curve(cut, s),
        }
        for s, share in enumerate(ends)
    ]
