"""Eight tasks, ten paired seeds: is the GRU's accuracy comparable, and with fewer parameters?

For the claims C13, C14, C16 and C28. The LSTM and two GRUs, of equal hidden size and of equal
recurrent parameters, each at the learning rate of {1e-3, 3e-3, 1e-2, 3e-2} that had the lowest
validation loss for its cell on two tuning seeds (the GRU tuned at equal parameters). ``score``: see
``protocol.judge``. The rules stand in claims.yml.
"""

from gatedrnn.results import Store
from gatedrnn.studies import protocol
from gatedrnn.studies.protocol import MODELS, PANEL, TUNED

KEYS = protocol.PANEL_KEYS
COLUMNS = protocol.PANEL_COLUMNS


def tuning(store: Store) -> list[dict]:
    """Every learning rate, on the two tuning seeds."""
    return protocol.tuning_calls(protocol.panel_arms(PANEL, TUNED))


def final(store: Store) -> list[dict]:
    """The ten seeds at the learning rate that the tuning chose."""
    return protocol.panel_final_calls(store.rows(), protocol.panel_arms(PANEL, MODELS))


PHASES = [tuning, final]  # about an hour of one core
config = protocol.panel_config
measure = protocol.panel_measure
