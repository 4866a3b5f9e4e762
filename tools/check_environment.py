"""Check the installed environment: whole packages, a Jupyter kernel, layers that compile."""

import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

ROOT = Path(__file__).resolve().parent.parent


def half_installed(folder):
    """The packages of which a file is missing or cut: an installation that was killed leaves them.

    Args:
        folder: where they are installed.

    Yields:
        A line for each, with the first file that is wrong.
    """
    for distribution in distributions(path=[str(folder)]):
        name = distribution.metadata["Name"] or distribution._path.name
        if distribution.files is None:
            yield f"{name}: no list of its files"
            continue
        for file in distribution.files:
            path = Path(file.locate())
            if not path.is_file():
                yield f"{name}: {file} is missing"
                break
            if file.size is not None and path.stat().st_size != file.size:
                yield f"{name}: {file} has {path.stat().st_size} bytes, not {file.size}"
                break


def unfit_packages():
    """The lines of `pip check`, but for the data packages, installed without dependencies."""
    text = (ROOT / "data-requirements.txt").read_text()
    data = re.findall(r"^([\w-]+)==", text, re.MULTILINE)
    command = [sys.executable, "-m", "pip", "check"]
    check = subprocess.run(command, capture_output=True, text=True)
    for line in check.stdout.splitlines():
        if line and line != "No broken requirements found." and line.split()[0] not in data:
            yield line


def main():
    """Look at everything; exit with what is wrong.

    Raises:
        SystemExit: something does not fit; the message lists it.
    """
    if wrong := [*half_installed(sysconfig.get_path("purelib"))]:
        sys.exit("packages that are not whole:\n" + "\n".join(wrong))
    if wrong := [*unfit_packages()]:
        sys.exit("pip check found packages that do not fit together:\n" + "\n".join(wrong))
    if "python3" not in KernelSpecManager().find_kernel_specs():
        sys.exit("Jupyter knows no kernel named 'python3'; reinstall ipykernel.")
    from gatedrnn.layers import compiled  # only now is it known that what it needs is there

    compiled.compile_all()


if __name__ == "__main__":
    main()
