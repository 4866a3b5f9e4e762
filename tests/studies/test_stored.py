"""Every registered study: its rows are stored, whole, and such as this code makes.

A new study is red here until its rows are there; nothing below names a study or counts rows. One
exception: a study on which only waiting claims (claims-next.yml) or replications build may be
unfinished. What it has stored so far is looked at like all the rest.

Whether a stored row comes out the same again is asked twice of the studies that train.

*At the start.* The losses before the first step are computed again for some calls of every study,
for all their seeds: the initial weights, the first training batch and the validation data. They are
the same on every machine up to rounding, so nothing but rounding is allowed. This sees other seeds,
data, sizes, initialisations, biases, validation parts, losses, and rows that hold the curve of
another seed. It sees nothing of what happens when a step is taken.

*At the first evaluation*, for a call of each kind of training (initial bias; constant or falling
rate) and two of its seeds. Training amplifies rounding, in some tasks to every digit within 100
steps. So it is measured how much: the same training starts once more from weights that are off by a
millionth, and the stored losses must lie within ``SLACK`` times what that moved. This sees another
learning rate, clipping, optimiser, schedule or order of batches. It sees nothing of what comes
later in the training, and nothing of the columns that the test part fills: the tests of the
studies' own modules look at those.

Which calls are taken depends on the study alone, so that a failure comes back.
"""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from gatedrnn import cost, reproducible, results, studies, sweep
from gatedrnn.studies import check, protocol
from gatedrnn.training import train as training

TRAINED = [name for name in studies.STUDIES if hasattr(studies.load(name), "config")]
AT_START = 4  # calls of a study whose start is computed again
ROUNDING = 1e-5  # relative; the stored values have six digits
OFF = 1e-6  # by this share other weights start
SLACK = 30  # the processor that stored the rows rounds at every step, not at the start alone


WAITING = check.waiting()


@cache
def opened(name):
    study = studies.load(name)
    path = results.folder() / f"{name}.csv"
    if name in WAITING and not path.exists():
        pytest.skip(f"{name} waits for its first rows")
    assert path.exists(), f"{name} is registered, but has no rows: gatedrnn run {name}"
    return results.Store(path, study.KEYS, [*study.COLUMNS, "error"])


@cache
def rows_of(name):
    return opened(name).rows()


@cache
def calls_of(name):
    """The calls of all phases; a later phase takes the rates that the stored tuning chose.

    Of a study that waits, those that are stored, of each phase that can be asked.
    """
    store = opened(name)
    if name not in WAITING:
        return [call for phase in studies.load(name).PHASES for call in phase(store)]
    calls = []
    for phase in studies.load(name).PHASES:
        asked = phase(store)
        lacking = sweep.lacking(asked, store)
        calls += [call for call in asked if call not in lacking]
        if lacking:
            break
    return calls


@cache
def rows_by_key(name):
    store = opened(name)
    return {store.key(row): row for row in rows_of(name).to_dict("records")}


def rows_of_call(name, call):
    """The stored rows of a call by their seed."""
    store = opened(name)
    return {run["seed"]: rows_by_key(name)[store.key(run)] for run in sweep.runs(call)}


# What is stored


def test_every_file_belongs_to_a_study():
    assert {path.stem for path in results.folder().glob("*.csv")} <= set(studies.STUDIES)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_the_runs_of_the_phases_are_stored_once_and_none_failed(name):
    study, store, rows = studies.load(name), opened(name), rows_of(name)
    asked = [store.key(run) for call in calls_of(name) for run in sweep.runs(call)]
    stored = [store.key(row) for row in rows[study.KEYS].to_dict("records")]
    assert len(set(asked)) == len(asked)
    assert sorted(stored) == sorted(asked)  # of a study that waits, all that is stored is asked for
    assert set(rows) == {*study.KEYS, *study.COLUMNS, "error"}
    assert rows["error"].isna().all()


@pytest.mark.parametrize("name", studies.STUDIES)
def test_a_study_says_in_one_line_what_it_asks(name):
    first, second = studies.load(name).__doc__.splitlines()[:2]
    assert first.endswith((".", "?"))
    assert not second


@pytest.mark.parametrize("name", studies.STUDIES)
def test_tuning_shares_no_seed_with_the_judged_runs_and_sees_no_test(name):
    study, rows = studies.load(name), rows_of(name)
    if "phase" not in rows or not rows.phase.isin(protocol.TUNING_PHASES).any():
        pytest.skip("nothing is tuned")
    tuning = rows.phase.isin(protocol.TUNING_PHASES)
    assert not set(rows[tuning].seed) & set(rows[~tuning].seed)
    if name in TRAINED:
        filled = {column for column in rows if rows[tuning][column].notna().any()}
        before_the_test = {*study.KEYS, *protocol.RUN, "valid_accuracy", "solved_at"}
        assert filled <= before_the_test
        judged = rows[~tuning]
        assert judged.empty or not judged[study.COLUMNS].isna().all(axis=None)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_all_cells_of_a_comparison_have_the_same_seeds(name):
    rows = rows_of(name)
    if not {"seed", "cell"} <= set(rows):
        pytest.skip("no seeds to pair")
    of_the_cell = {"cell", "matched", "learning_rate", "seed"}
    shared = [key for key in studies.load(name).KEYS if key not in of_the_cell]
    groups = rows.groupby(shared) if shared else [((), rows)]
    for group, mine in groups:
        of_cells = {cell: set(its.seed) for cell, its in mine.groupby("cell")}
        assert len(set(map(frozenset, of_cells.values()))) == 1, (group, of_cells)


@pytest.mark.parametrize("name", TRAINED)
def test_size_parameters_and_steps_are_those_of_the_config(name):
    for call in calls_of(name):
        config = studies.load(name).config(call)
        for row in rows_of_call(name, call).values():
            assert row["hidden_size"] == config.hidden_size
            assert row["steps"] == config.steps
            inputs = config.task.input_size
            assert row["parameters"] == cost.parameters(config.cell, inputs, config.hidden_size)


@pytest.mark.parametrize("name", TRAINED)
def test_a_row_agrees_with_its_curve(name):
    for row in rows_of(name).to_dict("records"):
        curve = np.array(json.loads(row["curve"]))
        assert curve[0, 0] == 0
        assert (np.diff(curve[:, 0]) > 0).all()
        assert curve[-1, 0] <= row["steps"]
        if "valid" in row:
            (best,) = curve[curve[:, 0] == row["best_step"]]
            assert best[2] == pytest.approx(row["valid"], rel=ROUNDING)
            assert best[2] == np.nanmin(curve[:, 2])
        else:
            assert curve[-1, 3] == pytest.approx(row["valid_accuracy"], abs=1e-6)


@pytest.mark.parametrize("name", [n for n in studies.STUDIES if hasattr(studies.load(n), "ALONE")])
def test_times_are_of_one_machine_and_one_thread(name):
    rows = rows_of(name)
    assert len(rows[["cpu", "torch"]].drop_duplicates()) == 1
    assert (rows.threads == 1).all()


# What comes out again


def begin(study):
    reproducible(dtype=getattr(study, "DTYPE", protocol.DTYPE))


def spread(calls, number):
    """So many calls, evenly from the first to the last."""
    places = np.linspace(0, len(calls) - 1, min(number, len(calls)))
    return [calls[int(place)] for place in places]


def losses(history, seed):
    """The evaluations of a seed, ``(evaluations, 3)``: step, training loss, validation loss."""
    return history[history.seed == seed][["step", "train_loss", "loss"]].to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_the_start_of_a_stored_training_comes_out_again(name):
    study = studies.load(name)
    begin(study)
    for call in spread(calls_of(name), AT_START):
        print(name, call)
        config = replace(study.config(call), until=np.inf)  # ends before the first step
        history = training.train(config, progress=False).history
        for seed, row in rows_of_call(name, call).items():
            stored = np.array(json.loads(row["curve"]))[:1, :3]
            np.testing.assert_allclose(losses(history, seed), stored, rtol=ROUNDING)


class Killed(Exception):
    """Ends a training."""


def until_first_evaluation(config, file, monkeypatch, off=0.0):
    """The evaluations at the start and at the next one, of a training that is then killed.

    Killed, as with fewer steps a learning rate that falls would fall faster. ``off``: by which
    share the initial weights are off.
    """
    batch, build = training.training_batch, training.build

    def last_batch(config, step):
        if step > config.evaluate_every:
            raise Killed
        return batch(config, step)

    def build_off(config):
        model = build(config)
        generator = torch.Generator().manual_seed(0)
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data *= 1 + off * noise
        return model

    with monkeypatch.context() as patch:
        patch.setattr(training, "training_batch", last_batch)
        patch.setattr(training, "build", build_off)
        with pytest.raises(Killed):
            training.train(config, checkpoint=file, progress=False)
    return torch.load(file)["rows"]


def cheapest_call(cosine, bias):
    """Study and call of that kind with few and small steps until it is evaluated; None if none is.

    Texts whose state is carried are left out: they take too long.
    """
    best = None
    for name in TRAINED:
        for call in calls_of(name):
            config = studies.load(name).config(call)
            if (config.cosine, config.bias) != (cosine, bias) or hasattr(config.task, "stream"):
                continue
            price = config.evaluate_every * config.length * config.learning_rate
            if best is None or price < best[0]:
                best = (price, name, call)
    return best and best[1:]


@pytest.mark.slow
@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("bias", [None, 1.0, 2.0, "chrono"])
def test_the_first_evaluation_of_a_stored_training_comes_out_again(
    cosine, bias, tmp_path, monkeypatch
):
    found = cheapest_call(cosine, bias)
    if found is None:
        pytest.skip("no study trains like this")
    name, call = found
    print(name, call)
    study = studies.load(name)
    begin(study)
    config = study.config(call)
    config = replace(config, seeds=config.seeds[:2])
    same = until_first_evaluation(config, tmp_path / "same.pt", monkeypatch)
    moved = until_first_evaluation(config, tmp_path / "moved.pt", monkeypatch, off=OFF)
    stored = rows_of_call(name, call)
    assert [row["step"] for row in same] == 2 * [0] + 2 * [config.evaluate_every]
    for here, there in zip(same[2:], moved[2:], strict=True):
        step, *values = json.loads(stored[here["seed"]]["curve"])[1]
        assert step == here["step"]
        for column, value in zip(("train_loss", "loss"), values, strict=False):
            allowed = ROUNDING * abs(value) + SLACK * abs(here[column] - there[column])
            print(f"{here['seed']} {column}: {value} stored, {here[column]} here, {allowed:.2g}")
            assert abs(here[column] - value) <= allowed
