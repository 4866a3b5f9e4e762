"""Settings under which a number comes out the same again."""

import ctypes
import sys
from contextlib import contextmanager

import torch


def reproducible(seed=0, dtype=torch.float64):
    """Seed torch, use one thread, one dtype and deterministic algorithms. Call it before any module is built. Rounding
    differs between processors in the last bits, and training amplifies it: hence float64 from the start. The order of a
    sum depends on the number of threads: hence one.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(dtype)
    torch.set_deterministic_debug_mode(
        "error"
    )  # as use_deterministic_algorithms(True), which takes 5 s to import
    keep_memory()


def keep_memory():
    """Let the process keep the memory it frees. glibc (no other is set) gives large buffers back at once, to get them
    again page by page, each one zeroed: a fifth to a half of a training step of ten small LSTMs.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            libc.mallopt(option, 1 << 30)


@contextmanager
def onednn(enabled):
    """Switch torch's oneDNN kernels on or off inside a ``with`` block. torch's own ``torch.backends.mkldnn.flags`` also
    sets an Intel GPU option, and warns where there is no such GPU.
    """
    before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, enabled
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
