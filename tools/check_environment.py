"""Check the installed environment: consistent packages, a Jupyter kernel of this Python, layers that compile."""

import re
import subprocess
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

ROOT = Path(__file__).resolve().parent.parent

# The data packages are installed without their dependencies on purpose: their lines, and only theirs, are expected.
data = re.findall(r"^([\w-]+)==", (ROOT / "data-requirements.txt").read_text(), re.MULTILINE)
check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
wrong = [
    line
    for line in check.stdout.splitlines()
    if line and line.split()[0] not in data and line != "No broken requirements found."
]
if wrong:
    sys.exit("pip check found packages that do not fit together:\n" + "\n".join(wrong))
if "python3" not in KernelSpecManager().find_kernel_specs():
    sys.exit("Jupyter knows no kernel named 'python3'; reinstall ipykernel.")

from gatedrnn.layers import compiled  # noqa: E402 - only after the check that what it needs is there

compiled.compile_all()
