"""LSTM and GRU, measured: the package behind the book.

``from gatedrnn import LSTM, GRU, RNN, Recurrent, reproducible``; everything else lives in the
modules. Names are loaded when they are first used, so the modules that need no torch (``stats``,
``cost``, ``results``, ``plot``) stay quick.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
_HOME = {
    "LSTM": "layers.recurrent",
    "GRU": "layers.recurrent",
    "RNN": "layers.recurrent",
    "Recurrent": "layers.recurrent",
    "reproducible": "reproduce",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'gatedrnn' has no attribute {name!r}")
    home = importlib.import_module(f"gatedrnn.{_HOME[name]}")
    return getattr(home, name)
