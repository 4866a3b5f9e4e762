"""The book's tools are scripts, not a package, and so is ``form.py``: let the tests import them."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools")]
