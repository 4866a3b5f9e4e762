"""The synthetic tasks, and what all tasks share. The tasks on real data are in ``gatedrnn.tasks.real``."""

from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import (
    CERTAIN,
    KINDS,
    TOLERANCE,
    Batch,
    Task,
    Varied,
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
    AssociativeRecall,
    Control,
    Copy,
    DelayedRecall,
    DelayedXor,
    FlipFlop,
)
from gatedrnn.tasks.sources import Markov, RandomWalk

__all__ = [
    "CERTAIN",
    "KINDS",
    "TOLERANCE",
    "Adding",
    "Addition",
    "AnBn",
    "AnBnCn",
    "AssociativeRecall",
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
