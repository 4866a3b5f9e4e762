"""Training: seeds together are each alone, a resumed run is the run, clipping clips, divergence is
recorded.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.base import generator, loss
from gatedrnn.tasks.languages import AnBn
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.training import train as module
from gatedrnn.training.train import Config, build, clip_per_seed, train, training_batch

SMALL = Config(
    Adding(),
    "gru",
    6,
    12,
    seeds=(3, 4, 5),
    steps=20,
    batch_size=8,
    learning_rate=1e-2,
    evaluate_every=10,
)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
# AnBn: each seed's batch has a length of its own
@pytest.mark.parametrize("task", [Adding(), AnBn()])
def test_seeds_together_equal_each_alone(cell, task):
    config = replace(SMALL, cell=cell, task=task, bias="chrono")
    together = train(config)
    for k, seed in enumerate(config.seeds):
        alone = train(replace(config, seeds=(seed,)))
        for name, p in alone.model.named_parameters():
            torch.testing.assert_close(
                p[0], together.model.get_parameter(name)[k], rtol=0, atol=1e-9
            )
        ours = together.history[together.history.seed == seed].reset_index(drop=True)
        torch.testing.assert_close(
            torch.tensor(alone.history.to_numpy()), torch.tensor(ours.to_numpy()), rtol=0, atol=1e-9
        )


def test_one_seed_equals_torchs_own_training():
    """The reference: nn.GRU, nn.Linear, torch's clipping and Adam, on the same data from the same
    start.
    """
    config = replace(SMALL, seeds=(3,), clip=0.1)
    ours, start = train(config), build(config)
    gru, readout = nn.GRU(2, 6, batch_first=True), nn.Linear(6, 1)
    with torch.no_grad():
        gru.weight_ih_l0.copy_(start.recurrent.W[0])
        gru.weight_hh_l0.copy_(start.recurrent.U[0])
        gru.bias_ih_l0.copy_(start.recurrent.b[0])
        gru.bias_hh_l0.zero_()
        gru.bias_hh_l0[12:] = start.recurrent.b_hn[0]
        readout.weight.copy_(start.V[0])
        readout.bias.copy_(start.a[0])
    # Our one bias a block
    gru.bias_hh_l0.register_hook(lambda g: torch.cat([torch.zeros(12), g[12:]]))
    optimiser = torch.optim.Adam(
        [*gru.parameters(), *readout.parameters()], lr=config.learning_rate
    )
    for step in range(config.steps):
        batch = Adding().batch(generator(3, step), config.batch_size, config.length)
        optimiser.zero_grad()
        loss("mse", readout(gru(batch.x)[0]), batch).backward()
        nn.utils.clip_grad_norm_([*gru.parameters(), *readout.parameters()], config.clip)
        optimiser.step()
    # torch divides by norm + 1e-6, we by the norm
    torch.testing.assert_close(gru.weight_hh_l0, ours.model.recurrent.U[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(readout.weight, ours.model.V[0], rtol=0, atol=1e-5)
    assert (gru.weight_hh_l0 - start.recurrent.U[0]).abs().max() > 0.05  # it did move


def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole = train(SMALL)
    train(replace(SMALL, steps=10), checkpoint=tmp_path / "half")
    resumed = train(SMALL, checkpoint=tmp_path / "half")
    assert resumed.history.equals(whole.history)
    for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert all(torch.equal(resumed.best[name], value) for name, value in whole.best.items())
    assert resumed.seconds > 0


def test_the_best_weights_of_each_seed_are_kept():
    """Those of the evaluation with its lowest loss: trained so far and no further, the model has
    the same.
    """
    # A rate at which the loss goes up and down
    config = replace(SMALL, learning_rate=0.1, evaluate_every=5)
    run, steps = train(config), {}
    for k, seed in enumerate(config.seeds):
        history = run.history[run.history.seed == seed]
        steps[seed] = int(history.step.loc[history.loss.idxmin()])
        model = (
            train(replace(config, steps=steps[seed])).model if steps[seed] else module.build(config)
        )
        for name, value in model.state_dict().items():
            assert torch.equal(run.best[name][k], value[k]), (seed, name)
    assert min(steps.values()) < config.steps  # else this test says nothing


def test_weights_with_a_loss_that_is_not_finite_are_never_the_best():
    model, rows = module.build(SMALL), []
    best = {name: value.clone() for name, value in model.state_dict().items()}
    for last, value in (
        (float("nan"), 1.0),
        (2.0, 2.0),
        (float("nan"), 3.0),
        (2.5, 4.0),
        (1.0, 5.0),
        (-float("inf"), 6.0),
    ):
        rows += [{"seed": seed, "loss": last} for seed in SMALL.seeds]
        for p in model.parameters():
            p.data.fill_(value)
        module._keep_best(best, model, rows, SMALL.seeds)
        expected = {1.0: None, 2.0: 2.0, 3.0: 2.0, 4.0: 2.0, 5.0: 5.0, 6.0: 5.0}[value]
        if expected:
            assert all((tensor == expected).all() for tensor in best.values())


def test_a_killed_run_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    def killed(config, step):
        if step == 15:
            raise KeyboardInterrupt
        return training_batch(config, step)

    monkeypatch.setattr(module, "training_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, checkpoint=tmp_path / "run")
    monkeypatch.undo()
    assert train(SMALL, checkpoint=tmp_path / "run").history.equals(train(SMALL).history)
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_a_finished_checkpoint_trains_no_further(tmp_path):
    first = train(SMALL, checkpoint=tmp_path / "run")
    again = train(SMALL, checkpoint=tmp_path / "run")
    assert again.history.equals(first.history)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train(SMALL, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match="belongs to another run"):
        train(replace(SMALL, learning_rate=1e-3), checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match="at step 20, beyond the 10 steps"):
        train(replace(SMALL, steps=10), checkpoint=tmp_path / "run")


def test_clipping_bounds_each_seeds_norm_and_no_others():
    model = SequenceModel("lstm", 2, 6, 1, seeds=3)
    x = torch.randn(3, 8, 12, 2)
    scale = torch.tensor([1e4, 1e-4, 1e2])
    (model(x)[0].square().mean((1, 2, 3)) * scale).sum().backward()
    before = [p.grad.clone() for p in model.parameters()]
    norms = clip_per_seed(list(model.parameters()), 1.0)
    for k in range(3):
        expected = torch.cat([g[k].flatten() for g in before]).norm()
        torch.testing.assert_close(norms[k], expected)
        after = torch.cat([p.grad[k].flatten() for p in model.parameters()])
        torch.testing.assert_close(after.norm(), expected.clamp(max=1.0))
        assert (
            torch.nn.functional.cosine_similarity(
                after, torch.cat([g[k].flatten() for g in before]), dim=0
            )
            > 1 - 1e-12
        )
    assert norms[0] > 1 > norms[1]


def test_training_clips_after_backward(monkeypatch):
    """Clipping before backward would see no gradient, or the old one: what reaches the optimiser
    must be clipped.
    """
    seen = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        seen.append(torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0))
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    train(replace(SMALL, clip=1e-3))
    norms = torch.stack(seen)
    torch.testing.assert_close(norms, torch.full_like(norms, 1e-3), rtol=1e-9, atol=0)


@dataclass(frozen=True)
class Exploding(Adding):
    """Adding with infinite targets under seed 4's stream only, from step 5 on."""

    def batch(self, generator_, batch_size, length):
        batch = super().batch(generator_, batch_size, length)
        bad = generator_.initial_seed() in {generator(4, s).initial_seed() for s in range(5, 100)}
        return batch._replace(y=batch.y + (math.inf if bad else 0.0))


def test_a_diverged_seed_is_recorded_and_disturbs_no_other():
    run, calm = train(replace(SMALL, task=Exploding())), train(SMALL)
    assert run.diverged == {4: 5}
    assert sorted(run.history.seed.unique()) == [3, 4, 5]  # its rows stay
    for seed in (3, 5):
        assert run.history[run.history.seed == seed].equals(calm.history[calm.history.seed == seed])
    assert math.isnan(run.final("loss")[1])
    assert math.isfinite(run.final("loss")[0])


@dataclass(frozen=True)
class Holes(Adding):
    def batch(self, generator_, batch_size, length):
        batch = super().batch(generator_, batch_size, length)
        batch.x[0, 2] = math.nan
        return batch


def test_nan_in_the_data_is_refused():
    with pytest.raises(
        ValueError, match=r"inputs of step 0 hold NaN or infinity \(seeds \[3, 4, 5\]\)"
    ):
        train(replace(SMALL, task=Holes()))


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    train(replace(SMALL, steps=10))
    assert torch.equal(before, torch.random.get_rng_state())


def test_it_learns():
    """Delayed recall over 5 steps: far below the memoryless loss within 200 steps, for every seed
    of both cells.
    """
    for cell in ("lstm", "gru"):
        config = Config(
            DelayedRecall(4), cell, 16, 5, seeds=(0, 1, 2), steps=200, learning_rate=2e-2
        )
        run = train(config)
        assert (run.final("loss") < 0.2 * DelayedRecall(4).baseline(5)).all()
        assert (run.final("score") > 0.9).all()


def test_the_progress_bar_shows_the_time_left(capsys):
    train(SMALL, progress=True)
    shown = capsys.readouterr().err
    assert "20/20" in shown
    assert "<" in shown  # tqdm: elapsed<left
    train(SMALL, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 25}, r"steps \(25\) must be a multiple of evaluate_every \(10\)"),
        ({"steps": 0}, "steps must be above 0, not 0"),
        ({"batch_size": 0}, "batch_size must be above 0, not 0"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0, not -1.0"),
        ({"seeds": ()}, r"seeds must be different numbers, at least one; given: \(\)"),
        ({"seeds": (1, 1)}, "seeds must be different numbers"),
        ({"seeds": (0, 1.5)}, r"seeds must be different numbers, whole ones.*; given: \(0, 1.5\)"),
        ({"seeds": 3}, "seeds must be different numbers, whole ones, in a sequence; given: 3"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1, not -0.1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, not 1.0"),
        ({"dropout": math.nan}, "dropout must be at least 0 and below 1, not nan"),
        ({"bias": "big"}, "bias must be None, a number or 'chrono', not 'big'"),
    ],
)
def test_bad_configs_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match="no cell named 'lstn'"):
        train(replace(SMALL, cell="lstn"))


def test_training_stops_when_every_seed_has_arrived(tmp_path):
    config = Config(
        DelayedRecall(4), "gru", 8, 5, (0, 1), 400, learning_rate=2e-2, evaluate_every=20
    )
    whole = train(config, progress=False).history
    best = whole.groupby("seed").loss.cummin()
    mark = best[whole.step == 200].max()
    stopped = train(replace(config, until=mark), tmp_path / "run", progress=False)
    last = stopped.history.step.max()
    assert last <= 200
    assert (stopped.history.groupby("seed").loss.min() <= mark).all()
    assert (stopped.history[stopped.history.step < last].groupby("seed").loss.min() > mark).any()
    pd.testing.assert_frame_equal(stopped.history, whole[whole.step <= last].reset_index(drop=True))
    assert len(stopped.final("loss")) == 2
    again = train(replace(config, until=mark), tmp_path / "run", progress=False)
    # A run that has arrived is not trained on
    pd.testing.assert_frame_equal(again.history, stopped.history)


COSINE = Config(
    DelayedRecall(4), "lstm", 4, 5, (0,), 40, learning_rate=1e-2, evaluate_every=20, cosine=True
)


def test_a_cosine_goes_from_the_full_rate_to_zero(monkeypatch):
    """Step k of n has the rate (1 + cos(pi k / n)) / 2; k = n, the first at 0, is never taken."""
    rates = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    train(COSINE, progress=False)
    expected = [1e-2 * math.cos(math.pi * k / 80) ** 2 for k in range(40)]
    assert rates == pytest.approx(expected, rel=1e-12)
    rates.clear()
    train(replace(COSINE, cosine=False), progress=False)
    assert rates == [1e-2] * 40


def test_a_cosine_needs_its_own_number_of_steps(tmp_path):
    train(replace(COSINE, steps=20), tmp_path / "run", progress=False)
    with pytest.raises(ValueError, match="belongs to another run"):
        train(COSINE, tmp_path / "run", progress=False)


def killed_at(step_of_death, monkeypatch, config, checkpoint):
    """Train until the batch of that step is asked for."""

    def batch_or_death(config, step):
        if step == step_of_death:
            raise KeyboardInterrupt
        return training_batch(config, step)

    with monkeypatch.context() as patch:
        patch.setattr(module, "training_batch", batch_or_death)
        with pytest.raises(KeyboardInterrupt):
            train(config, checkpoint, progress=False)


def test_a_killed_cosine_goes_on_at_its_rate(tmp_path, monkeypatch):
    killed_at(31, monkeypatch, COSINE, tmp_path / "run")
    resumed = train(COSINE, tmp_path / "run", progress=False)
    assert resumed.history.equals(train(COSINE, progress=False).history)


def test_a_resumed_run_goes_on_from_the_last_weights_and_not_from_the_best(tmp_path, monkeypatch):
    """At a rate at which the loss goes up, so that the best weights are not the last."""
    config = replace(SMALL, seeds=(3,), learning_rate=1.0, evaluate_every=5)
    whole = train(config, progress=False)
    losses = whole.history.loss.tolist()
    died = next(
        k for k in range(1, 4) if losses[k] > min(losses[:k])
    )  # an evaluation that is worse
    killed_at(5 * died + 1, monkeypatch, config, tmp_path / "run")
    resumed = train(config, tmp_path / "run", progress=False)
    assert resumed.history.equals(whole.history)
    assert all(torch.equal(resumed.best[name], value) for name, value in whole.best.items())


@pytest.mark.parametrize("content", ["empty", "cut", "text", "other", "list"])
def test_a_file_that_is_no_checkpoint_is_named(content, tmp_path):
    file = tmp_path / "run.pt"
    train(SMALL, file, progress=False)
    if content == "other":
        torch.save({"weights": torch.ones(2)}, file)
    elif content == "list":
        torch.save([1, 2], file)
    else:
        whole = file.read_bytes()
        file.write_bytes({"empty": b"", "cut": whole[:5000], "text": b"hello\n"}[content])
    before = file.read_bytes()
    with pytest.raises(
        ValueError, match=r"run\.pt is no checkpoint .*: delete the file"
    ) as refused:
        train(SMALL, file, progress=False)
    assert "\n" not in str(refused.value)
    assert file.read_bytes() == before


def test_a_checkpoint_of_another_dtype_is_refused(tmp_path):
    train(replace(SMALL, steps=10), tmp_path / "run", progress=False)
    torch.set_default_dtype(torch.float32)
    message = (
        r"run belongs to a run in torch\.float64, but .* torch\.float32: call torch\.set_default"
    )
    with pytest.raises(ValueError, match=message):
        train(SMALL, tmp_path / "run", progress=False)


@pytest.mark.parametrize("seeds", [[3, 4, 5], np.arange(3, 6), range(3, 6), torch.arange(3, 6)])
def test_however_a_config_is_written_it_is_the_same_run(seeds, tmp_path):
    config = replace(
        SMALL, seeds=seeds, learning_rate=np.float64(1e-2), hidden_size=np.int64(6), bias=None
    )
    assert config == SMALL
    assert str(config) == str(SMALL)
    first = train(replace(SMALL, steps=10), tmp_path / "run", progress=False)
    assert train(config, tmp_path / "run", progress=False).history[:6].equals(first.history)


def test_each_seed_starts_from_its_own_generator():
    """Model k has the weights that are drawn from seed k, whatever its place among the seeds."""
    for config in (SMALL, replace(SMALL, seeds=(5, 3)), replace(SMALL, bias="chrono")):
        models = build(config)
        for k, seed in enumerate(config.seeds):
            draws = torch.Generator().manual_seed(seed)
            bound = config.hidden_size**-0.5
            first = torch.empty(18, 2).uniform_(-bound, bound, generator=draws)
            assert torch.equal(models.recurrent.W[k], first)


def test_clipping_leaves_frozen_weights_out():
    model = SequenceModel("lstm", 3, 4, 2)
    model.recurrent.U.requires_grad_(False)
    model(torch.randn(2, 5, 3))[0].sum().backward()
    learning = [p for p in model.parameters() if p.requires_grad]
    expected = torch.cat([p.grad.flatten() for p in learning]).norm()
    norms = clip_per_seed(model.parameters(), 0.1)
    torch.testing.assert_close(norms, expected[None])
    after = torch.cat([p.grad.flatten() for p in learning]).norm()
    torch.testing.assert_close(after, torch.tensor(0.1))
    for p in learning:
        p.grad = None
    assert clip_per_seed(model.parameters(), 0.1).tolist() == [0.0]


@dataclass(frozen=True)
class Reading:
    """A task whose state is carried on, and emptied with the chance ``restart``."""

    restart: float
    carried = True
    input_size = 1
    output_size = 1
    loss = "mse"

    def stream(self, generator_, batch_size, length, step):
        return (
            Adding()
            .batch(generator_, batch_size, length)
            ._replace(x=torch.full((batch_size, length, 1), 0.1 + step))
        )

    def batch(self, generator_, batch_size, length):
        return self.stream(generator_, batch_size, length, 0)


def emptied(config, step):
    """Which readers of each seed begin a step with an empty state, ``(S, B)``."""
    state = torch.ones(len(config.seeds), config.batch_size, config.hidden_size)
    return (module._restarted(state, config, step) == 0).all(-1)


def test_restarts_hit_other_readers_at_each_step_and_seed():
    config = replace(SMALL, task=Reading(0.3), batch_size=200)
    first, second = emptied(config, 1), emptied(config, 2)
    for some in (first, second):
        assert 0.2 < some.double().mean() < 0.4
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, emptied(config, 1))  # a resumed run draws the same
    both = (first & second).double().mean()
    assert 0.03 < both < 0.17  # 0.09 if the draws are independent


DROPOUT = replace(SMALL, dropout=0.5)


# AnBn: each seed's batch has a length of its own
@pytest.mark.parametrize("task", [Adding(), AnBn()])
def test_with_dropout_seeds_together_equal_each_alone(task):
    config = replace(DROPOUT, task=task)
    together = train(config, progress=False)
    for k, seed in enumerate(config.seeds):
        alone = train(replace(config, seeds=(seed,)), progress=False)
        for name, p in alone.model.named_parameters():
            other = together.model.get_parameter(name)[k]
            torch.testing.assert_close(p[0], other, rtol=0, atol=1e-9)


def test_with_dropout_a_resumed_run_equals_the_uninterrupted_one(tmp_path, monkeypatch):
    whole = train(DROPOUT, progress=False)
    killed_at(15, monkeypatch, DROPOUT, tmp_path / "run")
    resumed = train(DROPOUT, tmp_path / "run", progress=False)
    assert resumed.history.equals(whole.history)
    for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_dropout_is_off_at_evaluations():
    """Before the first step both runs have the same weights: only the training loss differs."""
    first = train(replace(DROPOUT, steps=10), progress=False).history[:3]
    without = train(replace(SMALL, steps=10), progress=False).history[:3]
    assert first[["loss", "score"]].equals(without[["loss", "score"]])
    assert (first.train_loss != without.train_loss).all()


def test_dropout_withholds_its_share_and_keeps_the_expectation():
    config = replace(DROPOUT, dropout=0.3, batch_size=400)
    batch = training_batch(config, 0)
    factors = module._dropout(config, batch, 0)
    assert factors.shape == (3, 400, 12, 6)
    values = factors.unique()
    torch.testing.assert_close(values, torch.tensor([0.0, 1 / 0.7]))
    assert abs((factors == 0).double().mean() - 0.3) < 0.01
    assert abs(factors.mean() - 1) < 0.01
    assert not torch.equal(factors[0], factors[1])
    assert not torch.equal(factors, module._dropout(config, batch, 1))
    assert module._dropout(SMALL, batch, 0) is None


def test_without_dropout_a_config_reads_as_before_there_was_one():
    """It is in the names and the contents of the checkpoints."""
    text = (
        "Config(task=Adding(), cell='gru', hidden_size=6, length=12, seeds=(3, 4, 5), steps=20, "
        "batch_size=8, learning_rate=0.01, clip=1.0, bias=None, evaluate_every=10, until=None, "
        "cosine=False"
    )
    for none in (SMALL, replace(SMALL, dropout=0)):
        assert str(none) == f"{text})"
        assert "dropout" not in module._identity(none)
    assert str(DROPOUT) == f"{text}, dropout=0.5)"


def test_a_checkpoint_of_another_dropout_is_refused(tmp_path):
    train(replace(DROPOUT, steps=10), tmp_path / "run", progress=False)
    for other in (SMALL, replace(DROPOUT, dropout=0.2)):
        with pytest.raises(ValueError, match="belongs to another run"):
            train(other, tmp_path / "run", progress=False)
