"""The claims of the article, and the verdicts on them, derived from ``results/`` at every call. No torch."""

from gatedrnn.claims.verdicts import article, load, table, verdict

__all__ = ["article", "load", "table", "verdict"]
