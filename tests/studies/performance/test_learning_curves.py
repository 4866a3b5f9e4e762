"""The study of shares and subsets of the data."""

import pandas as pd

from gatedrnn.studies import load
from gatedrnn.studies.protocol import TUNING_SEEDS

STUDY = load("learning_curves")


class Empty:
    def rows(self):
        return pd.DataFrame()


def test_no_judged_run_is_on_the_subset_or_the_seeds_of_the_tuning():
    calls = STUDY.tuning(Empty())
    assert {call["subset"] for call in calls} == {STUDY.TUNING_SUBSET}
    assert STUDY.TUNING_SUBSET not in STUDY.SUBSETS
    assert not {*TUNING_SEEDS} & {*STUDY.SEEDS}


def test_a_subset_has_as_many_sequences_as_another_and_not_the_same():
    call = STUDY.tuning(Empty())[0]
    one = STUDY.config(call).task.part("train")
    other = STUDY.config(call | {"subset": 1}).task.part("train")
    assert len(one.x) == len(other.x)
    assert one.x.shape != other.x.shape or not (one.x == other.x).all()
