"""Accuracy for bytes: noisy spoken digits with few weights, in 32 bits and in eight.

For C21. Single digits with normal noise of standard deviation 1, where the coefficients' own is 1,
in training and test. Five seeds, 1,000 steps of 32 recordings. ``width``, the units of the LSTM,
are size bins; GRU and CIFG have as many parameters or, the GRU only, as many units. The learning
rate, of {0.003, 0.01, 0.03}, is the one with the highest validation accuracy on two tuning seeds in
half the steps, for each cell and width (the GRU tuned at equal parameters). ``accuracy``: on the
test part; ``accuracy_int8``: after every row of the weight matrices has been rounded to 255 steps
between plus and minus its largest weight (biases stay). ``bytes_int8``: a byte a weight, four a
bias and a row's scale.
"""

import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure.quantise import bytes_int8, bytes_of, quantise
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MODELS,
    RUN,
    TUNED,
    Model,
    arm,
    as_rows,
    best_rates,
    is_tuning,
    make_call,
    training,
    tuning_calls,
    units,
)
from gatedrnn.tasks.base import score
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.training.train import Config

KEYS = ["phase", "width", "cell", "matched", "learning_rate", "seed"]
MEASURED = ["valid_accuracy", "accuracy", "accuracy_int8", "bytes", "bytes_int8"]
COLUMNS = [*RUN, *MEASURED]
WIDTHS = (4, 8, 16, 32, 64)
RATES = (3e-3, 1e-2, 3e-2)
STEPS = 1000
LENGTH = 50  # frames
TASK = SpokenDigits(noise=1.0)
SEEDS = list(range(5))
CIFG = Model("cifg", "parameters")


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds, once for each cell and width."""
    models = (*TUNED, CIFG)
    return tuning_calls([arm(model, width=width) for width in WIDTHS for model in models], RATES)


def final(store: Store) -> list[dict]:
    """The five seeds at the chosen rate."""
    best = best_rates(store.rows(), by=("width", "cell"), column="valid_accuracy", highest=True)
    return [
        make_call("final", arm(model, width=width), best[width, model.cell], SEEDS)
        for width in WIDTHS
        for model in (*MODELS, CIFG)
    ]


PHASES = [tuning, final]  # about half an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return Config(
        TASK,
        call["cell"],
        units(call["cell"], call["matched"], call["width"], TASK.input_size),
        LENGTH,
        tuple(call["seeds"]),
        STEPS // 2 if is_tuning(call) else STEPS,
        learning_rate=call["learning_rate"],
        evaluate_every=50,
        cosine=True,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    with training(call, config(call)) as run:
        model, number = run.model, len(call["seeds"])
        model.load_state_dict(run.best)
        columns = {name: [None] * number for name in MEASURED}
        columns["valid_accuracy"] = accuracy(model, "valid")
        if not is_tuning(call):
            columns["accuracy"] = accuracy(model, "test")
            columns["bytes"] = [bytes_of(model)] * number
            columns["bytes_int8"] = [bytes_int8(model)] * number
            quantise(model)
            columns["accuracy_int8"] = accuracy(model, "test")
        measured = [{name: values[s] for name, values in columns.items()} for s in range(number)]
        return as_rows(call, run, measured)


@torch.no_grad()
def accuracy(model: SequenceModel, part: str) -> list[float]:
    """The share of right answers of each seed on a part."""
    batch = TASK.part(part, LENGTH)
    return score(TASK.loss, model(batch.x)[0], batch).tolist()
