"""Settings under which a number comes out the same again."""

import ctypes
import sys
from contextlib import contextmanager

import torch


def reproducible(seed=0, dtype=torch.float64):
    """Seed torch, use one thread, one dtype and deterministic algorithms. Call it before any module is built.

    float64 from the start matters: rounding differs between processors in the last bits, and training amplifies it.
    One thread matters too: the order of a sum depends on the number of threads.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(dtype)
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms(True), which takes 5 s to import
    keep_memory()


def keep_memory():
    """Let the process keep the memory it frees, instead of returning it to the system after every training step.

    glibc gives large buffers back at once, and the system hands them out again page by page, each one zeroed: a fifth
    to a half of a training step of ten small LSTMs. Other systems' allocators are left alone.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            libc.mallopt(option, 1 << 30)


@contextmanager
def onednn(enabled):
    """Switch torch's oneDNN kernels on or off inside a ``with`` block.

    torch's own ``torch.backends.mkldnn.flags`` also sets an Intel GPU option, and warns where there is no such GPU.
    """
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = enabled
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
