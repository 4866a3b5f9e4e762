"""Learning curves on 2, 5, 10 and 100 % of the data of three tasks: does the GRU do better on little? (C15)

As in ``panel``, with the learning rate tuned anew on 5 % of the data for the shares below 1; a share is contained in
every larger one, and fewer data are trained for fewer steps, as the lowest validation loss comes early. The runs on all
the data are those of ``panel``, which has to be run first. The rule stands in claims.yml.
"""

from gatedrnn import results
from gatedrnn.studies import protocol as training
from gatedrnn.studies.protocol import COLUMNS, KEYS, final_calls, tuning_calls

__all__ = ["COLUMNS", "KEYS", "PHASES", "measure"]
TASKS, SHARES, STEPS = ("speech", "chorales", "language"), (0.02, 0.05, 0.1), 500


def tuning(store):
    """Every learning rate on 5 % of the data, on the two tuning seeds."""
    return tuning_calls(TASKS, share=0.05)


def final(store):
    """The ten seeds on each small share at the learning rate that the tuning chose, and on all data, from the panel."""
    small, whole = (
        final_calls(store.rows(), TASKS, shares=SHARES),
        final_calls(results.read("panel"), TASKS),
    )
    return small + whole


def measure(call):
    """Train the seeds of a call, or look them up in the panel."""
    if call["share"] < 1:
        return training.measure(call, STEPS)
    same = {name: value for name, value in call.items() if name != "seeds"}
    rows = results.read("panel").drop(columns="error").to_dict("records")
    return [
        row
        for row in rows
        if row["seed"] in call["seeds"] and all(row[k] == v for k, v in same.items())
    ]


PHASES = [tuning, final]  # about half an hour of one core
