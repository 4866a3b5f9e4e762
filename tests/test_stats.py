"""Paired comparisons and censored steps: against enumeration, scipy's intervals, and coverage on
simulated seeds.
"""

import itertools
import subprocess
import sys
import tracemalloc
from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from gatedrnn import stats
from gatedrnn.stats import compare, restricted_ratio, solved_by_step, steps_to


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_needs_no_torch():
    code = "import sys, gatedrnn.stats; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wins_ties_losses_and_difference():
    c = compare([3, 5, 2, 7], [1, 5, 4, 3])
    assert (c.wins, c.ties, c.losses, c.n) == (2, 1, 1, 4)
    assert c.difference == pytest.approx(1.0)
    assert c.margin is None
    assert c.equivalent is None


def test_lower_is_better_turns_the_comparison_round(rng):
    a, b = rng.normal(size=(2, 8))
    assert compare(a, b, margin=1, higher_is_better=False) == compare(-a, -b, margin=1)
    assert compare(a, b, higher_is_better=False).wins == compare(a, b).losses


def test_exchanging_a_and_b_mirrors_everything(rng):
    a, b = rng.exponential(size=(2, 9))
    c, mirrored = compare(a, b), compare(b, a)
    assert (c.wins, c.losses, c.p) == (mirrored.losses, mirrored.wins, mirrored.p)
    np.testing.assert_allclose(
        [c.difference, c.low, c.high], [-mirrored.difference, -mirrored.high, -mirrored.low]
    )


def test_pairing_counts(rng):
    """The same scores, paired differently: a common seed effect must cancel."""
    effect = rng.normal(size=10, scale=10)
    a, b = effect + 0.1 + rng.normal(size=10, scale=0.01), effect
    assert compare(a, b).low > 0
    assert compare(a, rng.permutation(b)).low < 0


@pytest.mark.parametrize("n", [2, 5, 8, 11])
@pytest.mark.parametrize("whole", [True, False])
def test_sign_flip_p_is_the_enumerated_one(n, whole, rng):
    """Whole numbers make ties among the flips, and some differences of zero."""
    d = rng.integers(-2, 4, n) if whole else rng.normal(0.5, 1, n)
    flipped = [abs(np.dot(signs, d)) for signs in itertools.product([-1, 1], repeat=n)]
    expected = np.mean([total >= abs(d.sum()) - 1e-12 for total in flipped])
    assert compare(d, np.zeros(n)).p == pytest.approx(expected)


@pytest.mark.parametrize("n", [3, 5, 10, 16])
def test_smallest_p_is_two_over_all_flips(n, rng):
    assert compare(rng.uniform(1, 2, n), np.zeros(n)).p == pytest.approx(2 / 2**n)


def test_sign_flip_of_plus_and_minus_one_is_the_sign_test():
    d = np.array([1.0] * 12 + [-1.0] * 4)
    assert compare(d, 0 * d).p == pytest.approx(scipy.stats.binomtest(12, 16).pvalue)
    # 20 seeds: 65,536 random flips, whose p has a standard error of 0.0013
    d = np.array([1.0] * 14 + [-1.0] * 6)
    assert compare(d, 0 * d).p == pytest.approx(scipy.stats.binomtest(14, 20).pvalue, abs=0.006)


@pytest.mark.parametrize("n", [3, 10, 40])
def test_interval_spans_the_t_interval_and_the_bootstrap_interval(n, rng):
    for _ in range(5):
        d = rng.exponential(size=n) ** 2
        c = compare(d, np.zeros(n))
        t = scipy.stats.ttest_1samp(d, 0).confidence_interval(0.95)
        means = rng.choice(d, (20_000, n)).mean(1)
        drawn = np.quantile(means, [0.025, 0.975])
        expected = min(t.low, drawn[0]), max(t.high, drawn[1])
        np.testing.assert_allclose((c.low, c.high), expected, atol=0.05 * (t.high - t.low))
        assert c.low <= t.low + 1e-12
        assert c.high >= t.high - 1e-12


def test_interval_follows_the_bootstrap_where_that_is_wider():
    d = np.zeros(100)
    # One seed of 100 differs: the resampled means are skewed, and reach above the t interval
    d[0] = 1.0
    t = scipy.stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert t.high < 0.03
    # 3 of 100: the 97.5 % point of the binomial (100, 1/100)
    assert compare(d, 0 * d).high == pytest.approx(0.03)


def _coverage(draw, truth, n, studies):
    """How often ours, and the plain percentile bootstrap, hold the true mean."""
    ours = 0
    plain = 0
    for seed in range(studies):
        d = draw(n)
        low, high = stats.mean_interval(d, 0.95, seed)
        ours += low <= truth <= high
        means = np.random.default_rng(seed).choice(d, (stats.RESAMPLES, n)).mean(1)
        low, high = np.quantile(means, [0.025, 0.975])
        plain += low <= truth <= high
    return ours / studies, plain / studies


@pytest.mark.parametrize(
    ("shape", "n"),
    [
        ("normal", 3),
        ("normal", 5),
        ("normal", 10),
        ("normal", 20),
        ("heavy-tailed", 5),
        ("heavy-tailed", 10),
    ],
)
def test_coverage(shape, n, rng, monkeypatch):
    """The band is four standard errors of 1,000 studies each side of 95 %. The plain bootstrap
    falls out of it up to n = 10 (at n = 5 it holds the truth in 0.83 to 0.84). Heavy tails are a t
    distribution, 3 degrees of freedom.
    """
    monkeypatch.setattr(stats, "RESAMPLES", 500)

    def draw(size):
        return rng.standard_normal(size) if shape == "normal" else rng.standard_t(3, size)

    ours, plain = _coverage(draw, 0.0, n, 1000)
    assert 0.922 <= ours <= 0.978
    if n <= 10:
        assert plain < 0.922


def test_coverage_of_skewed_differences_is_no_worse_than_documented(rng, monkeypatch):
    """The docstring admits 0.886 at n = 5 for the exponential; the plain bootstrap has 0.787."""
    monkeypatch.setattr(stats, "RESAMPLES", 500)
    ours, plain = _coverage(rng.standard_exponential, 1.0, 5, 1000)
    assert 0.846 <= ours <= 0.926
    assert plain < 0.846


def test_equivalence_is_wrong_in_at_most_five_per_cent(rng, monkeypatch):
    """The true difference stands at the margin: "equivalent" is the error that the two one-sided
    tests limit to 5 %.
    """
    monkeypatch.setattr(stats, "RESAMPLES", 500)
    monkeypatch.setattr(stats, "FLIPS", 2)
    wrong = [
        compare(rng.normal(1.0, 0.1, 10), np.zeros(10), margin=1.0).equivalent for _ in range(1000)
    ]
    assert 0.02 <= np.mean(wrong) <= 0.075


def test_equivalence_uses_the_90_per_cent_interval_on_both_sides():
    d = np.array([-1.0, 0, 1, -1, 0, 1, 0.5, -0.5])
    se = scipy.stats.sem(d)
    half90, half95 = (scipy.stats.t.ppf(q, 7) * se for q in (0.95, 0.975))
    between = (half90 + half95) / 2
    assert compare(d, 0 * d, margin=between).equivalent is True
    assert compare(d, 0 * d, margin=0.99 * half90).equivalent is False
    for shift in (0.5, -0.5):  # off centre, one side leaves the margin
        assert compare(d + shift, 0 * d, margin=between).equivalent is False
        assert compare(d + shift, 0 * d, margin=between + 0.5).equivalent is True


def test_same_seed_same_interval_other_seed_other_draws(rng):
    d = rng.exponential(size=60) ** 3
    first, again, other = (compare(d, 0 * d, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.high != other.high
    d = rng.normal(size=20)
    assert compare(d, 0 * d, seed=0).p != compare(d, 0 * d, seed=1).p


def test_global_generator_is_untouched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    compare([1, 2, 3], [0, 1, 5])
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_ties_and_constant_differences():
    tied = compare([0.5] * 5, [0.5] * 5, margin=0.1)
    assert (tied.ties, tied.difference, tied.low, tied.high, tied.p) == (5, 0, 0, 0, 1)
    assert tied.equivalent is True
    assert tied.not_worse is True
    same = compare([0.75] * 5, [0.5] * 5)
    assert (same.low, same.high, same.p) == (0.25, 0.25, 2 / 32)


def test_a_diverged_seed_is_refused_and_named():
    with pytest.raises(
        ValueError, match=r"b has no finite score at position 1, 3: .*worst possible"
    ):
        compare([1, 2, 3, 4], [1, np.nan, 3, np.inf])
    with pytest.raises(ValueError, match="a has no finite score at position 0"):
        compare([-np.inf, 2], [1, 2])


def test_bad_input():
    with pytest.raises(ValueError, match="a has 3 scores and b has 2"):
        compare([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="2 or more seeds"):
        compare([1], [2])
    with pytest.raises(ValueError, match=r"one score a seed, not of shape \(2, 2\)"):
        compare([[1, 2], [3, 4]], [1, 2])
    for margin in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="margin must be above 0"):
            compare([1, 2], [2, 3], margin=margin)


def test_columns_of_a_table_are_paired_by_position():
    table = pd.DataFrame(
        {"cell": ["lstm", "gru"] * 3, "seed": [0, 0, 1, 1, 2, 2], "score": [3, 1, 4, 2, 9, 5]}
    )
    a, b = (table[table.cell == cell].score for cell in ("lstm", "gru"))
    assert compare(a, b).difference == pytest.approx(8 / 3)


def test_result_is_frozen_plain_and_readable():
    c = compare([3, 5, 2, 7, 4], [1, 5, 1, 3, 3], margin=0.5)
    assert {type(value) for value in asdict(c).values()} <= {int, float, bool}
    with pytest.raises(FrozenInstanceError):
        c.wins = 0
    assert str(
        c
    ) == "4 wins of 5 (1 tied); difference +1.6 [-0.2831, +3.483]; sign-flip p = 0.12; " + (
        "not shown equivalent within ±0.5"
    )
    assert str(compare([1, 2], [1.1, 2.1], margin=5)).endswith("; equivalent within ±5")
    assert "equivalent" not in str(compare([1, 2], [3, 3]))


def test_not_worse_is_the_lower_test_alone():
    d = np.array([-1.0, 0, 1, -1, 0, 1, 0.5, -0.5])
    half90 = scipy.stats.t.ppf(0.95, 7) * scipy.stats.sem(d)
    assert compare(d, 0 * d).not_worse is None
    for lift, expected in ((0.01, True), (-0.01, False)):
        c = compare(d - 1 + half90 + lift, 0 * d, margin=1)
        assert (c.not_worse, c.equivalent) == (expected, expected)
    c = compare(d + 5, 0 * d, margin=1)
    assert (c.not_worse, c.equivalent) == (True, False)


def test_steps_to_is_the_first_evaluated_step_at_or_below():
    steps = [10, 20, 30, 40]
    assert steps_to(steps, [3, 2, 1, 2], 2) == 20
    assert steps_to(steps, [3, 2.001, 3, 2], 2) == 40  # it need not stay there
    assert steps_to(steps, [3, np.nan, 1, np.nan], 2) == 30
    assert steps_to(steps, [3, 3, 3, 3], 2) == np.inf
    assert steps_to([], [], 2) == np.inf
    with pytest.raises(ValueError, match=r"steps of shape \(4,\) and losses of shape \(2,\)"):
        steps_to(steps, [1, 2], 2)


def test_solved_by_step_counts_seeds():
    np.testing.assert_array_equal(
        solved_by_step([10, 30, 30, np.inf], [0, 10, 29, 30, 99]), [0, 0.25, 0.25, 0.75, 0.75]
    )


def test_restricted_ratio_censors_at_the_limit():
    assert restricted_ratio([50, np.inf], [100, 200], 150)[0] == pytest.approx(200 / 250)
    same = restricted_ratio([np.inf, 500, 90], [np.inf, 600, 90], 100)
    assert same == pytest.approx((1, 1, 1))
    ratio, low, high = restricted_ratio([10, 20, 30, 45], [20, 41, 60, 90], 100)
    assert ratio == pytest.approx(105 / 211)
    inverse = restricted_ratio([20, 41, 60, 90], [10, 20, 30, 45], 100)
    np.testing.assert_allclose(inverse, (1 / ratio, 1 / high, 1 / low))


def test_restricted_ratio_pairs_the_seeds(rng):
    a = rng.uniform(1, 100, 10)
    _, low, high = restricted_ratio(0.5 * a, a, 1000)
    assert (low, high) == pytest.approx((0.5, 0.5))
    _, low, high = restricted_ratio(0.5 * a, a[::-1], 1000)
    assert high / low > 1.3


@pytest.mark.parametrize("n", [3, 10])
def test_restricted_ratio_spans_both_intervals(n, rng):
    a, b = rng.exponential(100, (2, n)) + 10
    _, low, high = restricted_ratio(a, b, 1e6)
    drawn = rng.integers(n, size=(20_000, n))
    plain = np.quantile(np.log(a[drawn].mean(1) / b[drawn].mean(1)), [0.025, 0.975])
    middle, part = np.log(a.mean() / b.mean()), a / a.mean() - b / b.mean()
    half = scipy.stats.t.ppf(0.975, n - 1) * scipy.stats.sem(part)
    expected = min(plain[0], middle - half), max(plain[1], middle + half)
    np.testing.assert_allclose(np.log([low, high]), expected, atol=0.03 * 2 * half)


@pytest.mark.parametrize("n", [5, 10])
def test_restricted_ratio_covers(n, rng, monkeypatch):
    """Times of about 300 steps, a fifth of them censored at 400. The true ratio of restricted means
    is simulated. The band is four standard errors of 600 studies below 95 %; at n = 5 the plain
    bootstrap falls out of it.
    """
    monkeypatch.setattr(stats, "RESAMPLES", 400)

    def draw(size):
        own = 0.35 * rng.standard_normal((2, size))
        common = 0.2 * rng.standard_normal(size)
        return 300 * np.exp(own + common)

    scale, limit = np.array([[0.8], [1.0]]), 400
    means = np.minimum(scale * draw(200_000), limit).mean(1)
    hit = 0
    plain = 0
    for seed in range(600):
        a, b = scale * draw(n)
        _, low, high = restricted_ratio(a, b, limit, seed)
        hit += low <= means[0] / means[1] <= high
        chosen = rng.integers(n, size=(400, n))
        ratios = np.minimum(a, limit)[chosen].mean(1) / np.minimum(b, limit)[chosen].mean(1)
        low, high = np.quantile(ratios, [0.025, 0.975])
        plain += low <= means[0] / means[1] <= high
    assert 0.914 <= hit / 600 <= 0.986
    if n == 5:
        assert plain / 600 < 0.914


def test_restricted_ratio_refuses():
    with pytest.raises(ValueError, match="a has 3 times and b has 2"):
        restricted_ratio([1, 2, 3], [1, 2], 10)
    with pytest.raises(ValueError, match="2 or more seeds"):
        restricted_ratio([1], [2], 10)
    for a, limit in (([0, 1], 10), ([np.nan, 1], 10), ([-1, 1], 10), ([1, 2], 0), ([1, 2], np.inf)):
        with pytest.raises(ValueError, match="must be above 0"):
            restricted_ratio(a, [1, 2], limit)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.1 + 0.2] * 5, [0.3] * 5),
        ([100 * 0.29] * 5, [29.0] * 5),
        ([sum([0.1] * 10)] * 5, [1.0] * 5),
        ([-1e9 * (0.1 + 0.2)] * 5, [-3e8] * 5),
    ],
)
def test_scores_that_differ_by_rounding_are_ties(a, b):
    assert a != b
    c = compare(a, b, margin=0.1)
    assert (c.wins, c.ties, c.losses, c.difference, c.p) == (0, 5, 0, 0.0, 1.0)


def test_small_scores_are_no_ties():
    """Rounding is measured against the scores: a loss of 1e-15 is twice one of 5e-16."""
    assert compare([1e-15] * 5, [5e-16] * 5).wins == 5


def test_many_scores_need_little_memory(rng):
    scores = rng.normal(size=(2, 300))
    tracemalloc.start()
    try:
        compare(*scores)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400e6


def mean_of(drawn):
    return drawn.mean(axis=1)


def test_the_draws_do_not_depend_on_how_many_are_made_at_a_time(rng, monkeypatch):
    values = rng.normal(size=11)
    whole = stats.resampled(mean_of, values, resamples=500, seed=3)
    monkeypatch.setattr(stats, "AT_ONCE", 40)
    np.testing.assert_array_equal(stats.resampled(mean_of, values, resamples=500, seed=3), whole)


def test_the_bootstrap_is_that_of_scipy(rng):
    a, b = rng.exponential(size=(2, 12))

    def ratio(x, y, axis=-1):
        return np.median(x, axis) / np.median(y, axis)

    def our_ratio(x, y):
        return ratio(x, y, axis=1)

    drawn = scipy.stats.bootstrap(
        (a, b), ratio, paired=True, n_resamples=700, method="percentile", rng=4
    ).confidence_interval
    found = stats.bootstrap(our_ratio, a, b, resamples=700, seed=4)
    assert found == (drawn.low, drawn.high)
    one_by_one = stats.bootstrap(
        lambda x, y: np.median(x) / np.median(y), a, b, resamples=700, seed=4, at_once=False
    )
    assert one_by_one == found


def test_the_bootstrap_takes_seeds_with_several_values(rng):
    """Samples (n, k): the k values of a seed stay together."""
    curves = np.outer(rng.normal(size=8), [1.0, 2.0])
    found = stats.resampled(lambda drawn: np.ptp(drawn[:, :, 1] / drawn[:, :, 0], axis=1), curves)
    np.testing.assert_allclose(found, 0, atol=1e-12)
    with pytest.raises(ValueError, match=r"samples of one length, not of the lengths \[7, 8\]"):
        stats.resampled(mean_of, curves, curves[:7])


def test_exact_share_holds_each_tail_at_half_of_the_rest():
    for k, n in ((0, 10), (3, 10), (10, 10), (57, 60)):
        share, low, high = stats.exact_share(k, n)
        assert share == k / n
        if k > 0:  # were the share `low`, k or more would come out in 2.5 % of the studies
            assert scipy.stats.binom.sf(k - 1, n, low) == pytest.approx(0.025)
        else:
            assert low == 0
        if k < n:
            assert scipy.stats.binom.cdf(k, n, high) == pytest.approx(0.025)
        else:
            assert high == 1
    for k, n in ((-1, 5), (6, 5), (0, 0)):
        with pytest.raises(ValueError, match="successes must be from 0 to n"):
            stats.exact_share(k, n)


def test_the_difference_of_unpaired_means_has_the_interval_of_welch():
    value, low, high = stats.difference([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 1.0])
    assert value == pytest.approx(1.5)
    assert low < 0 < value < high
    assert stats.difference([1.0, 1.0], [0.5, 0.5]) == (0.5, 0.5, 0.5)
