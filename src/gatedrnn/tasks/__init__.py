"""The synthetic tasks, and what all tasks share. The tasks on real data: ``gatedrnn.tasks.real``.

``TASKS`` holds every task of this folder by its name; a new file is found by itself.
"""

from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import (
    CERTAIN,
    KINDS,
    TOLERANCE,
    Batch,
    Task,
    Varied,
    find_tasks,
    generator,
    loss,
    score,
)
from gatedrnn.tasks.languages import (
    AnBn,
    AnBnCn,
    BucketSort,
    CycleNavigation,
    Dyck1,
    Parity,
    ReverseString,
)
from gatedrnn.tasks.memory import (
    Adding,
    Control,
    Copy,
    DelayedRecall,
    DelayedXor,
    FlipFlop,
)
from gatedrnn.tasks.sources import Markov, RandomWalk

TASKS = find_tasks(__name__, __path__)

__all__ = [
    "CERTAIN",
    "KINDS",
    "TASKS",
    "TOLERANCE",
    "Adding",
    "Addition",
    "AnBn",
    "AnBnCn",
    "Batch",
    "BucketSort",
    "Control",
    "Copy",
    "CycleNavigation",
    "DelayedRecall",
    "DelayedXor",
    "Dyck1",
    "FlipFlop",
    "Markov",
    "Parity",
    "RandomWalk",
    "ReverseString",
    "Task",
    "Varied",
    "generator",
    "loss",
    "score",
]
