"""Settings under which a number comes out the same again."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# The numbers of the options in glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
GIBIBYTE = 1 << 30


def reproducible(seed: int = 0, dtype: torch.dtype = torch.float64) -> None:
    """Seed torch, and set one thread, one dtype and deterministic algorithms.

    Call it before any module is built. Rounding differs between processors in the last bits, and
    training amplifies it: hence float64 from the start. The order of a sum depends on the number of
    threads: hence one.

    Args:
        seed: For torch's global generator.
        dtype: What new tensors and parameters have.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(dtype)
    # as use_deterministic_algorithms(True), which takes 5 s to import
    torch.set_deterministic_debug_mode("error")
    keep_memory()


def keep_memory() -> None:
    """Let the process keep the memory it frees.

    The C library glibc (no other is set) gives large buffers back at once, to get them again page
    by page, each one zeroed: a fifth to a half of a training step of ten small LSTMs.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_TRIM_THRESHOLD, GIBIBYTE)
        libc.mallopt(M_MMAP_THRESHOLD, GIBIBYTE)


@contextmanager
def onednn(enabled: bool) -> Iterator[None]:
    """Switch torch's oneDNN kernels on or off inside a ``with`` block.

    torch's own ``torch.backends.mkldnn.flags`` also sets an Intel GPU option, and warns where there
    is no such GPU.
    """
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = enabled
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
