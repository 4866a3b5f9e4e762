"""TODO docstring of measure.operators."""

from collections import Counter

from torch.utils._python_dispatch import TorchDispatchMode


def count_operators(call):
    """How often ``call()`` ran each of torch's operators, a Counter such as ``{"aten::mm": 2}``; a backward pass is
    seen if it runs inside ``call``. On a CPU, ``nn.LSTM`` in float32 goes through oneDNN's fused operator
    ``aten::mkldnn_rnn_layer``, but not within ``reproduce.onednn(False)``; ``nn.GRU`` never, and of our compiled loop
    only what surrounds it is seen. Watched, torch may take ``add`` in place of ``add_``.
    """
    names = Counter()

    class Watch(TorchDispatchMode):  # sees what runs below autograd
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            names[func._schema.name] += 1
            return func(*args, **(kwargs or {}))

    with Watch():
        call()
    return Counter({name: count for name, count in names.items() if name.startswith("aten::")})
