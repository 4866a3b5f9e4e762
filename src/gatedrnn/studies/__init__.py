"""The studies behind the stored results, one module each, in a folder for each part of the book.

``gatedrnn run STUDY`` writes one row a run into ``results/<study>.csv`` and leaves out those that
are there, so a study can be stopped and started at any moment. A study's docstring says what is
measured, and by which rule it is judged; its first line is what ``gatedrnn studies`` prints.
``gatedrnn.sweep`` says what such a module holds, ``protocol`` holds what the studies share. Studies
are found by their place: a new file in the folder of a part is a new study, and a test is red until
its rows are stored.
"""

import importlib
from pathlib import Path
from types import ModuleType

PARTS = ("architecture", "memory", "performance", "applications", "future", "evidence")


def _found() -> dict[str, str]:
    """The module of each study by its name; a ValueError if two studies have the same name."""
    modules = {}
    for part in PARTS:
        for file in sorted((Path(__file__).parent / part).glob("*.py")):
            if file.stem == "__init__":
                continue
            if file.stem in modules:
                raise ValueError(
                    f"two studies are called {file.stem!r}: {modules[file.stem]} and "
                    f"{part}/{file.name}"
                )
            modules[file.stem] = f"gatedrnn.studies.{part}.{file.stem}"
    return modules


STUDIES = _found()


def load(study: str) -> ModuleType:
    """Import a study.

    Args:
        study: a name in ``STUDIES``.

    Returns:
        The module.

    Raises:
        ValueError: there is no study of that name; the message lists them.
    """
    if study not in STUDIES:
        raise ValueError(f"no study named {study!r}; the studies are {', '.join(STUDIES)}")
    return importlib.import_module(STUDIES[study])
