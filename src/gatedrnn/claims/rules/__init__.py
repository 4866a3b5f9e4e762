"""The rules that turn stored rows into verdicts, by the name they have in ``claims.yml``.

``memory.long_range`` is the function ``long_range`` of the module ``memory`` beside this file.
Every module of this folder is imported, and every function in it with the decorator ``@rule`` is a
rule.

A positive difference favours the article; a ratio is GRU over LSTM for times, LSTM over GRU for
memory. A seed that failed (an error, or no score) is a result: it scores the worst possible (see
``rows``), never reaches a threshold, and its loss over time is the worst of the two cells. Rules
that count tasks, kernels or shapes yield no p-value of their own, so none is adjusted for the
number of claims. No torch.
"""

from importlib import import_module
from pkgutil import iter_modules

from gatedrnn.claims.ruling import RULES

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")

__all__ = ["RULES"]
