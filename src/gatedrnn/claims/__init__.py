"""The claims of the article and the verdicts on them, derived from ``results/`` at every call.

No torch.
"""

from gatedrnn.claims import rules  # noqa: F401  the rules enter themselves into ruling.RULES
from gatedrnn.claims.register import load
from gatedrnn.claims.verdicts import article, glue_verdicts, table, verdict

__all__ = ["article", "glue_verdicts", "load", "table", "verdict"]
