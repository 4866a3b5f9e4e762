"""The rules that turn stored rows into verdicts, by the name they have in ``claims.yml``: ``memory.long_range`` is the
function ``long_range`` of the module ``memory`` beside this file. No torch.
"""

from gatedrnn.claims.rules import applications, architecture, memory, performance

RULES = {
    f"{module.__name__.rpartition('.')[2]}.{name}": rule
    for module in (architecture, memory, performance, applications)
    for name, rule in module.RULES.items()
}
