"""How many bytes a program needs: what is kept for the backward pass, and the peak of a process."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn


def kept(module: nn.Module, x: torch.Tensor) -> list[int]:
    """What ``module(x)`` keeps for its backward pass.

    A piece of memory that several tensors share counts once, and whole, also if only a part of it
    was saved. The module's parameters do not count: they are there anyway.

    Args:
        module: any module that is called with one tensor.
        x: its input.

    Returns:
        The bytes of each piece of memory.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    pieces = {}

    def save(tensor):
        memory = tensor.untyped_storage()
        pieces[memory.data_ptr()] = memory.nbytes()
        return tensor

    def load(tensor):
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, load):
        result = module(x)
    # As long as the result lives, so does all that it keeps, and no address occurs twice.
    del result
    return [size for address, size in pieces.items() if address not in own]


def peak(run: Callable[[], Any]) -> int:
    """By how much this process grows at most while it runs a program.

    It counts whole pages and what the allocator takes in advance, but not what fits into memory
    that the process freed before. So run a small version of the program first, which loads the
    code that is loaded at first use, and measure in a fresh process. Linux only: it resets the
    process's own record. (The record of ``resource.getrusage`` cannot be reset, and a child begins
    with that of its parent.)

    Args:
        run: a function without arguments.

    Returns:
        Bytes.

    Raises:
        OSError: the system is not Linux.
    """
    Path("/proc/self/clear_refs").write_text("5")
    before = _highest()
    run()
    return _highest() - before


def _highest():
    """The most memory that this process had since the record was reset, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
