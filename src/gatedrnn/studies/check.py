"""What could be wrong with the stored rows: missing ones, rates at an edge, contradictions.

``gatedrnn check`` prints what it finds. A verdict is believed only where a study is whole, where no
learning rate was chosen from the end of its grid, and where two studies that trained the same model
on the same task agree.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gatedrnn import results, settings, stats, sweep
from gatedrnn.claims import register, replications
from gatedrnn.studies import STUDIES, load, protocol
from gatedrnn.training.train import Config


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: ``rows``, ``edge``, ``contradiction`` or ``waiting``. The last is none yet: a study on
            which only waiting claims build may be unfinished.
        study: where it is.
        text: what it is, as a sentence.
    """

    kind: str
    study: str
    text: str


def waiting() -> set[str]:
    """The studies on which only waiting claims (claims-next.yml) and replications build.

    While a claim waits its rule may still be tried, so the study ``worlds`` waits with it.
    """
    named = {study for claim in register.load_next() for study in claim.study}
    if named:
        named.add("worlds")
    named |= set(replications.NEXT)
    return named - {study for claim in register.load() for study in claim.study}


def problems() -> Iterator[Problem]:
    """Look at every study.

    Rates are looked at where a study is whole: one that is not may still extend its grids.

    Yields:
        The problems, study by study; the contradictions between two studies last.
    """
    unfinished = waiting()
    trained = {}
    for name in STUDIES:
        study = load(name)
        path = results.folder() / f"{name}.csv"
        store = results.Store(path, study.KEYS, [*study.COLUMNS, "error"])
        calls = []
        missing = list(_missing(name, study, store, calls))
        for found in missing:
            yield Problem("waiting" if name in unfinished else "rows", name, found)
        if not missing:
            yield from (Problem("edge", name, text) for text in _edges(study, store.rows()))
        if hasattr(study, "config"):
            trained[name] = list(_trainings(study, store, calls))
    yield from _contradictions(trained)


def _missing(name, study, store, calls):
    """What a study lacks, as sentences; its stored calls are added to ``calls``."""
    for phase in study.PHASES:
        try:
            asked = phase(store)
        except (results.Stop, results.NoResults, AttributeError, KeyError, IndexError) as error:
            yield f"{phase.__name__} cannot be asked yet ({error})"
            return
        lacking = sweep.lacking(asked, store)
        calls += [call for call in asked if call not in lacking]
        if lacking:
            count = f"{len(lacking)} of {len(asked)} calls of {phase.__name__} are missing"
            yield f"{count}; make them with: gatedrnn run {name}"
            return
    if failed := store.failed():
        yield f"{failed} runs failed; run them again with: gatedrnn run {name} --retry"


def _edges(study, rows):
    """The arms whose best rate is the lowest or the highest one tried, by what was tuned."""
    if "phase" not in rows or "learning_rate" not in rows:
        return
    badness = getattr(study, "row_badness", settings.loss_within())
    names = [key for key in study.KEYS if key not in ("learning_rate", "seed")]
    tuned = rows[rows.phase.isin(("tuning", "short tuning"))]
    for phase in tuned.phase.unique():
        mean = settings.means(tuned, [*names, "learning_rate"], badness, phase)
        for arm, rates in mean.groupby(level=names):
            tried = dict(zip(rates.index.get_level_values("learning_rate"), rates, strict=True))
            if not settings.at_edge(tried):
                continue
            best = min(tried, key=tried.get)
            of_arm = ", ".join(map(str, arm if isinstance(arm, tuple) else (arm,)))
            tried_text = ", ".join(f"{rate:g}" for rate in sorted(tried))
            yield f"{of_arm}: the best rate, {best:g}, is at an end of those tried, {tried_text}"


def _trainings(study, store, calls):
    """The config of each judged call, and the lowest validation loss of its seeds."""
    by_key = {store.key(row): row for row in store.rows().to_dict("records")}
    for call in calls:
        if "phase" in call and protocol.is_tuning(call):
            continue
        values = [by_key[store.key(run)].get("valid", np.nan) for run in sweep.runs(call)]
        values = pd.Series(values, dtype=float).dropna()
        if len(values) >= 2:
            yield study.config(call), values.to_numpy()


def _contradictions(trained: dict[str, list[tuple[Config, np.ndarray]]]) -> Iterator[Problem]:
    """Pairs of studies that trained the same model in the same way and disagree."""
    seen = {}
    for name, trainings in trained.items():
        for config, values in trainings:
            same = str({key: value for key, value in vars(config).items() if key != "seeds"})
            if same in seen and seen[same][0] != name:
                other, theirs = seen[same]
                if _apart(values, theirs):
                    text = (
                        f"{config.cell} on {type(config.task).__name__}, length {config.length}: "
                        f"{values.mean():.4g} here, {theirs.mean():.4g} in {other}"
                    )
                    yield Problem("contradiction", name, text)
            seen.setdefault(same, (name, values))


def _apart(ours, theirs):
    """Whether two intervals of the mean do not meet."""
    low, high = stats.mean_interval(ours)
    other_low, other_high = stats.mean_interval(theirs)
    return low > other_high or high < other_low


def main(say: Callable[[str], None] = print) -> int:
    """Print the problems.

    Args:
        say: takes a line.

    Returns:
        The exit code: 1 if there is a problem that is not one of waiting.
    """
    found = list(problems())
    for problem in found:
        say(f"{problem.kind:14} {problem.study:14} {problem.text}")
    wrong = sum(problem.kind != "waiting" for problem in found)
    waits = len(found) - wrong
    say(f"{len(STUDIES)} studies: {wrong} problems, {waits} studies that are not finished")
    return int(wrong > 0)
