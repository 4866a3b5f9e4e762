"""Right answers at each end of a string of spoken digits."""

import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.real.speech import DigitStrings


@torch.no_grad()
def at_ends(model: SequenceModel, task: DigitStrings, length: int) -> torch.Tensor:
    """The share of right answers of each seed at each end of the test strings.

    Args:
        model: S trained models.
        task: the strings.
        length: frames kept of each recording.

    Returns:
        ``(S, digits)``.
    """
    batch = task.part("test", length)
    right = model(batch.x)[0].argmax(-1) == batch.y
    end = batch.mask.cumsum(1) * batch.mask  # 1 at the first end, 2 at the second, ...
    shares = [right[:, end == k].double().mean(-1) for k in range(1, task.count + 1)]
    return torch.stack(shares, 1)
