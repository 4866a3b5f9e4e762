"""Which of torch's operators a program runs, how often, and how large their results are."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Operator(NamedTuple):
    """One call of an operator.

    Attributes:
        name: the name in torch, such as ``aten::add_``.
        size: how many numbers its result holds; 0 if the result is not a single tensor.
    """

    name: str
    size: int

    @property
    def kind(self) -> str:
        """The name without its library and without the mark of in-place operators: ``add``."""
        return self.name.split("::")[1].rstrip("_")


class _Watch(TorchDispatchMode):
    """Notes what runs below autograd while it is on."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        size = result.numel() if isinstance(result, torch.Tensor) else 0
        self.seen.append(Operator(func._schema.name, size))
        return result


def operators(call: Callable[[], Any]) -> list[Operator]:
    """The operators that a call runs, in their order.

    A backward pass is seen if it runs inside the call. On a CPU, ``nn.LSTM`` in float32 goes
    through oneDNN's fused operator ``aten::mkldnn_rnn_layer``, but not within
    ``reproduce.onednn(False)``; ``nn.GRU`` never does, and of our compiled loop only what surrounds
    it is seen. Watched, torch may take ``add`` in place of ``add_``.

    Args:
        call: a function without arguments.

    Returns:
        An ``Operator`` for each call of one of torch's own operators (those of ``aten``).
    """
    with _Watch() as watch:
        call()
    return [operator for operator in watch.seen if operator.name.startswith("aten::")]


def count_operators(call: Callable[[], Any]) -> Counter[str]:
    """How often a call runs each of torch's operators.

    Args:
        call: a function without arguments.

    Returns:
        A count for each name, such as ``{"aten::mm": 2}``; see ``operators`` for what is seen.
    """
    return Counter(operator.name for operator in operators(call))
