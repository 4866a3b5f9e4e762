"""Which digit came first? Strings of spoken digits, the noise they stand, and the order of frames.

For C25. ``three``: at the end of each of three digits in a row, say the first; ``shuffled``: the
same on the frames of a string in a random order; ``one``: single digits. Ten seeds, 2,000 steps of
32 strings, the first 40 frames of each recording; the LSTM has 16 units, the GRUs as many or as
many parameters, the RNN as many units. The learning rate, of {0.003, 0.01, 0.03}, is that of the
lowest validation loss on two tuning seeds in half the steps (the GRU tuned at equal parameters;
``shuffled`` takes the rates of ``three``). ``accuracy``: the share of the 600 test strings answered
right at their end. ``ends``: the same at each end. ``noisy``, ``cut``: (noise or frames kept,
accuracy) at the last end, on test strings with normal noise, or with fewer frames of each
recording, neither of which was trained on.
"""

import json
from dataclasses import replace

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure.ends import at_ends
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MODELS,
    PLAIN_RNN,
    RUN,
    SEEDS,
    TUNED,
    arm,
    best_rates,
    is_tuning,
    make_call,
    train_and_test,
    tuning_calls,
    units,
)
from gatedrnn.tasks.real.speech import DigitStrings
from gatedrnn.training.train import Config

KEYS = ["phase", "task", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "accuracy", "ends", "noisy", "cut"]
TASKS = {
    "three": DigitStrings(),
    "shuffled": DigitStrings(shuffled=True),
    "one": DigitStrings(count=1),
}
TUNED_AS = {"three": "three", "shuffled": "three", "one": "one"}  # whose rate a task takes
RATES = (3e-3, 1e-2, 3e-2)
STEPS = 2000
WIDTH = 16
LENGTH = 40  # frames kept of a recording
NOISES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # standard deviations
CUTS = (4, 6, 8, 10, 12, 15, 20, 30, 40)  # frames


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds, once for each cell."""
    models = (*TUNED, PLAIN_RNN)
    arms = [arm(model, task=task) for task in ("three", "one") for model in models]
    return tuning_calls(arms, RATES)


def final(store: Store) -> list[dict]:
    """The ten seeds at the chosen rate."""
    best = best_rates(store.rows(), by=("task", "cell"))
    return [
        make_call("final", arm(model, task=task), best[TUNED_AS[task], model.cell], SEEDS)
        for task in TASKS
        for model in (*MODELS, PLAIN_RNN)
    ]


PHASES = [tuning, final]  # about half an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = TASKS[call["task"]]
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        LENGTH,
        tuple(call["seeds"]),
        STEPS // 2 if is_tuning(call) else STEPS,
        learning_rate=call["learning_rate"],
        evaluate_every=100,
        cosine=True,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""

    def test(run):
        return tested(run.model, TASKS[call["task"]])

    return train_and_test(call, config(call), test, COLUMNS)


def tested(model: SequenceModel, task: DigitStrings) -> list[dict]:
    """What is measured of each seed."""
    ends = at_ends(model, task, LENGTH).tolist()
    noisy = {}
    for noise in NOISES:
        noisy[noise] = at_ends(model, replace(task, noise=noise), LENGTH)[:, -1].tolist()
    cut = {}
    for frames in CUTS:
        cut[frames] = at_ends(model, task, frames)[:, -1].tolist()
    return [
        {
            "accuracy": shares[-1],
            "ends": json.dumps(shares),
            "noisy": _curve(noisy, s),
            "cut": _curve(cut, s),
        }
        for s, shares in enumerate(ends)
    ]


def _curve(found, s):
    """The pairs (value, accuracy) of a seed as JSON."""
    return json.dumps([[value, round(shares[s], 4)] for value, shares in found.items()])
