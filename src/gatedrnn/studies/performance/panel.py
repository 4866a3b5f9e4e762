"""Eight tasks, ten paired seeds: is the GRU's accuracy comparable, and with fewer parameters? (C13, C14, C16, C28)

The LSTM and two GRUs, of equal hidden size and of equal recurrent parameters, each at the learning rate of {1e-3, 3e-3,
1e-2, 3e-2} that had the lowest validation loss for its cell on two tuning seeds (the GRU tuned at equal parameters).
``training`` says how a run is trained and judged; the rules stand in claims.yml.
"""

from gatedrnn.studies.protocol import COLUMNS, KEYS, PANEL, final_calls, measure, tuning_calls

__all__ = ["COLUMNS", "KEYS", "PHASES", "measure"]


def tuning(store):
    """Every learning rate, on the two tuning seeds."""
    return tuning_calls(PANEL)


def final(store):
    """The ten seeds at the learning rate that the tuning chose."""
    return final_calls(store.rows(), PANEL)


PHASES = [tuning, final]  # about an hour of one core
