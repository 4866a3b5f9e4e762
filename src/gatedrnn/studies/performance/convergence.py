"""Adding and recall with other initial biases: is the GRU's fast start one of initialisation?

A secondary regime of the rule of C16, which stands in claims.yml. As in ``panel``, but for 2,000
steps, for the LSTM and the GRU of equal parameters, with the bias of the gate that keeps the old
state set to 1, or drawn by chrono initialisation. The learning rate is tuned anew for each bias,
between 1e-2 and 3e-2, one of which was best or as good as the best for both cells with the default
bias.
"""

from gatedrnn.results import Store
from gatedrnn.studies import protocol
from gatedrnn.studies.protocol import TUNED
from gatedrnn.training.train import Config

KEYS = protocol.PANEL_KEYS
COLUMNS = protocol.PANEL_COLUMNS
TASKS = ("adding", "recall")
BIASES = ("one", "chrono")
RATES = (1e-2, 3e-2)
STEPS = 2000


def tuning(store: Store) -> list[dict]:
    """Both learning rates, on the two tuning seeds."""
    return protocol.tuning_calls(protocol.panel_arms(TASKS, TUNED, BIASES), RATES)


def final(store: Store) -> list[dict]:
    """The ten seeds at the learning rate that the tuning chose."""
    return protocol.panel_final_calls(store.rows(), protocol.panel_arms(TASKS, TUNED, BIASES))


PHASES = [tuning, final]  # about three quarters of an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return protocol.panel_config(call, STEPS)


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; a row a seed."""
    return protocol.panel_measure(call, STEPS)
