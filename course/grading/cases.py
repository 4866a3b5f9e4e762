"""What an assignment is made of.

An assignment is a module of ``course.assignments`` with

    ``tests(seed)``   the list of its ``Test``, their inputs drawn from the seed
    ``STEPS``         {name: Python source of a function ``step``} that a ``Step`` stands for
    ``READY_MADE``    names whose use is reported to the teacher, since they do the work
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Previous:
    """An argument: that part of the result of the case before."""

    part: int


@dataclass(frozen=True)
class Step:
    """An argument: a function of the assignment's ``STEPS``, by name."""

    name: str


@dataclass(frozen=True)
class Case:
    """One call and its result. ``pure``: the call must leave its arguments as they were."""

    args: tuple
    expected: object
    pure: bool = False


@dataclass(frozen=True)
class Test:
    """Points for a list of cases that must all pass; the texts are what the student reads."""

    part: str
    name: str
    says: str
    hint: str
    cases: tuple[Case, ...]
    points: int = 1
