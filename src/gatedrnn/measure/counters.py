"""What a network trained on words a^n b^n has learned: how far it counts, how its state moves.

After Weiss, Goldberg and Yahav 2018. The models of all seeds are asked at once.
"""

from collections.abc import Sequence

import numpy as np
import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.languages import AnBn

FIRST = 5  # the shortest word that the horizon asks for
BLOCK = 50  # words tested at a time
RUN_UP = 50  # letters a that are left out of the slope
WATCHED = 500  # letters a of the word on which the state is watched


@torch.no_grad()
def closes(model: SequenceModel, counts: Sequence[int]) -> torch.Tensor:
    """Whether each word a^n b^n is closed exactly: every scored symbol is the likeliest.

    Args:
        model: S trained models.
        counts: the n.

    Returns:
        ``(S, len(counts))``.
    """
    batch = AnBn().words(list(counts))
    right = model(batch.x)[0].argmax(-1) == batch.y
    return (right | ~batch.mask).all(-1)


def horizons(model: SequenceModel, longest: int) -> list[int]:
    """For each seed the largest n such that all words from ``FIRST`` to n are closed exactly.

    Args:
        model: S trained models.
        longest: the longest word tested, in letters a; a multiple of ``BLOCK``.

    Returns:
        One n a seed; ``FIRST`` - 1 if not even that word is closed.
    """
    blocks = [closes(model, range(n, n + BLOCK)) for n in range(1, longest, BLOCK)]
    exact = torch.cat(blocks, 1)  # (S, longest)
    right_in_a_row = exact[:, FIRST - 1 :].long().cumprod(1).sum(1)
    return (FIRST - 1 + right_in_a_row).tolist()


@torch.no_grad()
def movements(model: SequenceModel) -> list[dict]:
    """How the state of each seed moves on a^500 b^500.

    Args:
        model: S trained models.

    Returns:
        For each seed ``slope``, by how much the largest ``|c|`` (``|h|`` in a cell without c) grows
        a step, fitted over the letters a from the 51st to the 500th; ``highest``, the largest
        ``|h|`` on the word; ``path``, the state that is largest after a^500, at every tenth step.
    """
    h, _, gates = model.recurrent(AnBn().words([WATCHED]).x, trace=True)
    state = gates.get("c", h)[:, 0]  # (S, T, H)
    largest = state[:, : WATCHED + 1].abs().amax(-1).numpy()  # after # and each a
    steps = np.arange(RUN_UP + 1, WATCHED + 1)
    slopes = np.polyfit(steps, largest[:, RUN_UP + 1 :].T, 1)[0]
    unit = state[:, WATCHED].abs().argmax(-1)
    paths = state[torch.arange(len(state)), ::10, unit].tolist()
    highest = h.abs().amax((1, 2, 3)).tolist()
    found = []
    for slope, high, path in zip(slopes.tolist(), highest, paths, strict=True):
        found.append({"slope": slope, "highest": high, "path": path})
    return found
