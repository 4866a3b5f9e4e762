"""The study of characters: which judged calls follow from its tuning."""

import pytest

from gatedrnn.results import Store
from gatedrnn.settings import TUNING_SEEDS
from gatedrnn.studies.applications import characters
from gatedrnn.studies.protocol import PLAIN_RNN


def tuned(path):
    """A store with a finished tuning in which starting at one is the best for the gated cells."""
    store = Store(path / "characters.csv", characters.KEYS, [*characters.COLUMNS, "error"])
    rows = []
    for width, models in characters.WIDTHS.items():
        for cell, matched in {*models, *([PLAIN_RNN] if width == characters.SMALL else [])}:
            for bias in ("default",) if cell == "rnn" else ("default", "one"):
                for seed in TUNING_SEEDS:
                    row = dict.fromkeys(store.columns)
                    row |= {"phase": "tuning", "width": width, "cell": cell, "matched": matched}
                    row |= {"bias": bias, "schedule": "cosine", "learning_rate": 0.01}
                    row |= {"steps": characters.STEPS, "seed": seed}
                    loss = 1.3 if bias == "one" else 1.4
                    rows.append(row | {"curve": f"[[200, 1, {loss}, 0.6]]"})
    store.extend(rows)
    return store


def test_every_gated_model_is_judged_from_its_best_start_and_from_torch_s(tmp_path):
    store = tuned(tmp_path)
    calls = characters.small_final(store)
    gated = [call for call in calls if call["cell"] != "rnn"]
    assert {call["bias"] for call in gated} == {"default", "one"}
    assert len(gated) == 2 * 3
    assert len(calls) == len(gated) + 1  # the RNN has one start
    assert all(call["seeds"] == list(range(10)) for call in calls)


def test_the_further_seeds_follow_those_of_the_final_runs(tmp_path):
    store = tuned(tmp_path)
    calls = characters.more_seeds(store)
    assert {call["cell"] for call in calls} == {"lstm", "gru"}
    for width, final in ((64, characters.small_final), (128, characters.middle_final)):
        first = final(store)[0]["seeds"]
        for call in calls:
            if call["width"] == width:
                assert call["phase"] == "more seeds"
                assert call["seeds"][0] == first[-1] + 1
    assert {call["width"] for call in calls} == {64, 128}


@pytest.mark.parametrize("call", [0, -1])
def test_a_call_gives_the_config_it_names(call, tmp_path):
    asked = characters.more_seeds(tuned(tmp_path))[call]
    config = characters.config(asked)
    assert config.cosine
    assert config.steps == characters.STEPS
    assert config.seeds == tuple(asked["seeds"])
