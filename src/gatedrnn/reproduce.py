"""Settings under which a number comes out the same again."""

import torch


def reproducible(seed=0, dtype=torch.float64):
    """Seed torch, use one thread, one dtype and deterministic algorithms. Call it before any module is built.

    float64 from the start matters: rounding differs between processors in the last bits, and training amplifies it.
    One thread matters too: the order of a sum depends on the number of threads.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(dtype)
    torch.use_deterministic_algorithms(True)
