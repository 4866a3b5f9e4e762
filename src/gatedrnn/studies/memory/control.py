"""Fine control and intricate patterns: four tasks of one memory operation each, and Markov sources. (C05, C10)

``operations.Control``: accumulate, latch, overwrite and clear, trained at length 50 and tested at 200;
``operations.Markov`` of order 1 to 6 at length 100. The LSTM has 16 units, the GRUs as many or as many parameters;
1,500 steps, ten seeds; the learning rate, of {0.003, 0.01, 0.03}, is that of the lowest validation loss on two tuning
seeds for each cell and task (the GRU tuned at equal parameters). ``accuracy``: the share of right steps, and ``loss``,
in nats a step, of the weights with the lowest validation loss on 200 new sequences, at four times the trained length
for the four.
"""

import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import MODELS, RUN, SEEDS, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks.base import generator, loss, score
from gatedrnn.tasks.memory import Control
from gatedrnn.tasks.sources import Markov
from gatedrnn.training.train import Config, train

KEYS = ["phase", "task", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "loss", "accuracy"]
TASKS = {kind: Control(kind) for kind in ("accumulate", "latch", "overwrite", "clear")}
TASKS |= {f"markov {order}": Markov(order) for order in (1, 2, 3, 4, 6)}
RATES, STEPS, WIDTH = (3e-3, 1e-2, 3e-2), 1500, 16
lengths = lambda name: (100, 100) if "markov" in name else (50, 200)  # of the training, of the test


def tuning(store):
    """Every learning rate on the two tuning seeds, once for each cell."""
    made = [
        (task, model, rate) for task in TASKS for model in (MODELS[0], MODELS[2]) for rate in RATES
    ]
    return [_call("tuning", task, model, rate, TUNING_SEEDS) for task, model, rate in made]


def final(store):
    """The ten seeds at the chosen rate."""
    rows = store.rows()
    mean = rows[rows.phase == "tuning"].groupby(["task", "cell", "learning_rate"]).valid.mean()
    made = [(task, model) for task in TASKS for model in MODELS]
    return [
        _call("final", task, model, mean[task, model[0]].idxmin().item(), SEEDS)
        for task, model in made
    ]


PHASES = [tuning, final]  # about twenty minutes of one core


def _call(phase, task, model, rate, seeds):
    call = {"phase": phase, "task": task, "cell": model[0], "matched": model[1]}
    return call | {"learning_rate": rate, "seeds": seeds}


def config(call):
    """The ``Config`` of a call."""
    task = TASKS[call["task"]]
    size = units(call["cell"], call["matched"], WIDTH, task.input_size)
    length, options = lengths(call["task"])[0], {"learning_rate": call["learning_rate"]}
    return Config(task, call["cell"], size, length, tuple(call["seeds"]), STEPS, **options)


def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    if call["phase"] == "tuning":
        return as_rows(call, run, [{"loss": None, "accuracy": None} for _ in run.config.seeds])
    return as_rows(call, run, judged(run, lengths(call["task"])[1]))


@torch.no_grad()
def judged(run, length):
    """The loss and the accuracy of each seed's best weights on new sequences, a list of dicts."""
    task = run.config.task
    run.model.load_state_dict(run.best)
    test = task.batch(generator(0, 0, "test"), 200, length)
    prediction = run.model(test.x)[0]
    pairs = zip(
        loss(task.loss, prediction, test).tolist(),
        score(task.loss, prediction, test).tolist(),
        strict=True,
    )
    return [{"loss": l, "accuracy": a} for l, a in pairs]
