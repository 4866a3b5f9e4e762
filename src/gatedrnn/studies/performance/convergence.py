"""Adding and delayed recall with other initial biases: is the GRU's faster start one of initialisation? (C16)

As in ``panel``, but for 2,000 steps, for the LSTM and the GRU of equal parameters, with the bias of the gate that keeps
the old state set to 1, or drawn by chrono initialisation; the learning rate is tuned anew for each bias, between 1e-2
and 3e-2, one of which was best or as good as the best for both cells with the default bias. It is a secondary regime of
the rule, which stands in claims.yml.
"""

from gatedrnn.studies import protocol as training
from gatedrnn.studies.protocol import COLUMNS, KEYS, MODELS, final_calls, tuning_calls

__all__ = ["COLUMNS", "KEYS", "PHASES", "measure"]
TASKS, BIASES, RATES, STEPS = ("adding", "recall"), ("one", "chrono"), (1e-2, 3e-2), 2000


def tuning(store):
    """Both learning rates, on the two tuning seeds."""
    return tuning_calls(TASKS, BIASES, rates=RATES)


def final(store):
    """The ten seeds at the learning rate that the tuning chose."""
    return final_calls(store.rows(), TASKS, (MODELS[0], MODELS[2]), BIASES)


def measure(call):
    """Train the seeds of a call."""
    return training.measure(call, STEPS)


PHASES = [tuning, final]  # about three quarters of an hour of one core
