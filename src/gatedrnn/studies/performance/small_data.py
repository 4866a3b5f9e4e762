"""Learning curves on 2, 5, 10 and 100 % of the data: does the GRU do better on little?

For C15, whose rule stands in claims.yml. Three tasks. As in ``panel``, with the learning rate tuned
anew on 5 % of the data for the shares below 1. A share is contained in every larger one, and fewer
data are trained for fewer steps, as the lowest validation loss comes early. The runs on all the
data are those of ``panel``, which has to be run first.
"""

from gatedrnn import results
from gatedrnn.results import Store
from gatedrnn.studies import protocol
from gatedrnn.studies.protocol import MODELS, TUNED
from gatedrnn.training.train import Config

KEYS = protocol.PANEL_KEYS
COLUMNS = protocol.PANEL_COLUMNS
TASKS = ("speech", "chorales", "language")
SHARES = (0.02, 0.05, 0.1)
TUNED_SHARE = 0.05
STEPS = 500  # on a share below 1


def tuning(store: Store) -> list[dict]:
    """Every learning rate on 5 % of the data, on the two tuning seeds."""
    return protocol.tuning_calls(protocol.panel_arms(TASKS, TUNED, shares=[TUNED_SHARE]))


def final(store: Store) -> list[dict]:
    """The ten seeds on each small share at the chosen rate, and on all data, from the panel."""
    small = protocol.panel_arms(TASKS, MODELS, shares=SHARES)
    whole = protocol.panel_arms(TASKS, MODELS)
    return [
        *protocol.panel_final_calls(store.rows(), small),
        *protocol.panel_final_calls(results.read("panel"), whole),
    ]


PHASES = [tuning, final]  # about half an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return protocol.panel_config(call, STEPS if call["share"] < 1 else None)


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call, or look them up in the panel; a row a seed."""
    if call["share"] < 1:
        return protocol.panel_measure(call, STEPS)
    rows = results.read("panel").drop(columns="error")
    same = rows.seed.isin(call["seeds"])
    for name, value in protocol.key_columns(call).items():
        same &= rows[name] == value
    return rows[same].to_dict("records")
