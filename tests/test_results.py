"""The store: killed, cut at every byte, refused rows, and values that come back as they were."""

import errno
import io
import os
import random
import re
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from gatedrnn import results
from gatedrnn.results import NoResults, Stop, Store

KEYS = ["cell", "seed"]


def row(cell="lstm", seed=0, score=0.1, note="x"):
    return {"cell": cell, "seed": seed, "score": score, "note": note}


def failed(cell, seed, error):
    return {"cell": cell, "seed": seed, "score": 0.1, "error": error}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.csv"


def test_needs_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import sys, gatedrnn.results; assert 'torch' not in sys.modules"],
        check=True,
    )


def test_rows_come_back(path):
    store = Store(path, KEYS)
    assert len(store.rows()) == 0
    store.append(row())
    store.append(row("gru", 1, 0.2, "y"))
    for opened in (store, Store(path, KEYS)):
        pd.testing.assert_frame_equal(opened.rows(), pd.DataFrame([row(), row("gru", 1, 0.2, "y")]))
        assert {"cell": "gru", "seed": 1} in opened
        assert row("gru", 0) not in opened
    assert path.read_text() == "cell,seed,score,note\nlstm,0,0.1,x\ngru,1,0.2,y\n"


def test_floats_come_back_to_the_last_bit(path):
    store, values = (
        Store(path, ["seed"]),
        np.random.default_rng(0).normal(size=300) * 10.0 ** np.arange(-150, 150),
    )
    for seed, value in enumerate(values):
        store.append({"seed": seed, "value": value})
    np.testing.assert_array_equal(store.rows()["value"], values)


def test_awkward_text(path):
    notes = [
        "a, b",
        'say "hi"',
        '"',
        '","',
        "ü ☃",
        "\u2028",
        " x ",
        "NA",
        "None",
        "#",
        r"\n",
        '[[0, "a"], [1, 2.5]]',
    ]
    store = Store(path, KEYS)
    for seed, note in enumerate(notes):
        store.append(row(seed=seed, note=note))
    assert Store(path, KEYS).rows()["note"].tolist() == notes


def test_a_record_is_one_line_of_the_file(path):
    store = Store(path, KEYS)
    store.append(row(note='two\nlines\r\n"and\rmore"\n'))
    assert len(path.read_bytes().splitlines()) == 2
    assert Store(path, KEYS).rows()["note"].item() == r'two\nlines\n"and\nmore"\n'


def test_missing_values(path):
    store = Store(path, KEYS)
    for seed, score in enumerate([None, np.nan, np.inf, 1]):
        store.append(row(seed=seed, score=score))
    np.testing.assert_array_equal(store.rows()["score"], [np.nan, np.nan, np.inf, 1])


@pytest.mark.parametrize("bias", [None, np.nan, 1, 1.0, np.float64(0.5), 1e-20, "a\rb", True])
def test_a_key_is_found_again_as_given_as_reopened_and_from_rows(path, bias):
    store = Store(path, ["bias"])
    store.append({"bias": bias, "score": 1.0})
    for opened in (store, Store(path, ["bias"])):
        assert {"bias": bias} in opened
        assert {"bias": 7} not in opened
        assert opened.rows().iloc[0].to_dict() in opened


@pytest.mark.parametrize("stored", [3, 3.0, "3", "3.0", np.int64(3), np.float32(3)])
def test_int_float_and_text_of_one_value_are_one_key(path, stored):
    store = Store(path, ["seed"])
    store.append({"seed": stored, "score": 1.0})
    for opened in (store, Store(path, ["seed"])):
        assert all(
            {"seed": seed} in opened for seed in (3, 3.0, "3", "3.0", np.int64(3), np.float64(3))
        )
        assert not any({"seed": seed} in opened for seed in (30, 3.5, "v3.0", None))


def test_whole_numbers_that_pandas_made_floats_are_the_same_key(path):
    store = Store(path, ["bias"])
    store.append({"bias": 1, "score": 0.0})
    store.append({"bias": None, "score": 0.0})
    assert store.rows()["bias"].dtype == float
    assert all({"bias": bias} in store for bias in store.rows()["bias"])


def test_a_run_is_stored_once(path):
    store = Store(path, KEYS)
    store.append(row())
    for opened in (store, Store(path, KEYS)):
        with pytest.raises(ValueError, match="holds cell=lstm, seed=0 already"):
            opened.append(row(score=0.9))
    assert len(store.rows()) == 1


def test_other_columns_are_refused_and_named(path):
    store = Store(path, KEYS)
    store.append(row())
    other = row(seed=1) | {"loss": 1.0}
    del other["note"]
    with pytest.raises(
        ValueError, match=r"lacks the columns \['note'\] and has the unknown columns \['loss'\]"
    ):
        Store(path, KEYS).append(other)
    assert len(Store(path, KEYS).rows()) == 1
    store.append(
        {name: row(seed=2)[name] for name in ("note", "score", "seed", "cell")}
    )  # another order is fine
    assert store.rows().iloc[1].to_dict() == row(seed=2)


def test_keys_must_be_columns(path):
    store = Store(path, KEYS)
    with pytest.raises(
        ValueError, match=r"no key column \['seed'\]; the keys are \['cell', 'seed'\]"
    ):
        store.append({"cell": "lstm", "score": 1})
    assert not path.exists()
    with pytest.raises(ValueError, match="no key column"):
        {"cell": "lstm"} in store  # noqa: B015
    path.write_text("cell,score\nlstm,1\n")
    with pytest.raises(ValueError, match="no key column"):
        Store(path, KEYS)
    for keys in ("seed", []):
        with pytest.raises(ValueError, match="keys must list the columns"):
            Store(path, keys)


def test_a_file_with_a_run_twice_is_refused(path):
    path.write_text("cell,seed,score\nlstm,0,1\ngru,0,1\nlstm,0,2\n")
    with pytest.raises(ValueError, match="holds cell=lstm, seed=0 already"):
        Store(path, KEYS)


@pytest.mark.parametrize("content", ["", "cell,seed,score,note\n"])
def test_file_without_rows(path, content):
    path.write_text(content)
    store = Store(path, KEYS)
    assert len(store.rows()) == 0
    store.append(row())
    assert path.read_text() == "cell,seed,score,note\nlstm,0,0.1,x\n"


def test_a_file_cut_at_any_byte_is_completed(path):
    """Every row that was whole stays, the cut one goes, with a warning, and running again gives
    the whole file.
    """
    rows = [
        row("lstm", 0, 0.25, "plain"),
        row("gru", 0, 0.5, 'a "b\nc",\n\n"d'),
        row("lstm", 1, 0.125, "é"),
    ]
    store = Store(path, KEYS)
    ends = [0]
    for r in rows:
        store.append(r)
        ends.append(path.stat().st_size)
    whole, header = path.read_bytes(), len("cell,seed,score,note\n")
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            store = Store(path, KEYS)
        assert bool(caught) == (cut not in [*ends, header])
        kept = sum(end <= cut for end in ends) - 1
        assert [r in store for r in rows] == [k < kept for k in range(3)]
        for r in rows:
            if r not in store:
                store.append(r)
        assert path.read_bytes() == whole


def test_the_removed_line_is_shown(path):
    path.write_text("cell,seed\nlstm,0\ngru,")
    with pytest.warns(UserWarning, match="removed a last line without its end: 'gru,'"):
        Store(path, KEYS)
    assert path.read_text() == "cell,seed\nlstm,0\n"


WRITER = """
import sys, time
from gatedrnn.results import Store
store = Store(sys.argv[1], ["seed"])
for seed in range(300):
    if {"seed": seed} not in store:
        store.append({"seed": seed, "square": seed * seed, "note": "long, " * 2000 + "\\n"})
if sys.argv[2] == "wait":  # on a fast disk the end comes before the kill
    time.sleep(60)
"""


def start_writer(path, then):
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", WRITER, str(path), then])


def test_a_killed_writer_loses_nothing(path):
    """SIGKILL at four random moments while rows are written; then one run to the end."""
    chance, kills = random.Random(0), 0
    for target in (1, 30, 80, 140):
        writer = start_writer(path, "wait")
        while writer.poll() is None and (
            not path.exists() or path.stat().st_size < target * 12_000
        ):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.01))
        writer.kill()  # SIGKILL: no handler, no clean-up
        kills += writer.wait() != 0
    assert kills == 4
    assert len(Store(path, ["seed"]).rows()) >= 140
    assert start_writer(path, "end").wait() == 0
    rows = Store(path, ["seed"]).rows()
    assert rows["seed"].tolist() == list(range(300))
    assert (rows["square"] == rows["seed"] ** 2).all()
    assert (rows["note"] == "long, " * 2000 + r"\n").all()


def test_a_row_is_one_write_and_waits_for_the_disk(path, monkeypatch):
    """What makes the row whole: one write of the complete line to a file opened for appending,
    then fsync.
    """
    events = []

    class Watched(io.FileIO):
        def write(self, data):
            events.append(bytes(data).decode())
            return super().write(data)

    monkeypatch.setattr(os, "fsync", lambda fd: events.append(os.fstat(fd).st_size))
    monkeypatch.setattr(
        "builtins.open",
        lambda path, mode: events.append(mode) or io.BufferedWriter(Watched(path, mode)),
    )
    store, long = Store(path, KEYS), "long, " * 20_000  # longer than any buffer
    store.append(row())
    store.append(row(seed=1, note=long))
    first, second = "cell,seed,score,note\nlstm,0,0.1,x\n", f'lstm,1,0.1,"{long}"\n'
    assert events == ["ab", first, len(first), "ab", second, len(first + second)]


def test_a_full_disk_costs_only_the_row_that_was_refused(path, monkeypatch):
    """A full disk cuts a write short, then refuses the rest."""

    class FullDisk(io.FileIO):
        def write(self, data):
            if len(data) < 10:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:10])

    store = Store(path, KEYS)
    store.append(row())
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda path, mode: io.BufferedWriter(FullDisk(path, mode)))
        with pytest.raises(OSError, match="No space left"):
            store.append(row(seed=1))
    assert row(seed=1) not in store
    assert path.read_bytes() == before, "a write that fails is taken back"
    store.append(row(seed=1))
    assert len(Store(path, KEYS).rows()) == 2


def test_the_rows_of_a_call_are_one_write(path, monkeypatch):
    syncs, store = [], Store(path, KEYS)
    monkeypatch.setattr(os, "fsync", lambda fd: syncs.append(os.fstat(fd).st_size))
    store.extend([row(seed=0), row(seed=1), row("gru", 2)])
    store.extend([])
    assert syncs == [path.stat().st_size]
    assert path.read_text() == "cell,seed,score,note\nlstm,0,0.1,x\nlstm,1,0.1,x\ngru,2,0.1,x\n"
    assert all(r in store for r in (row(seed=0), row(seed=1), row("gru", 2)))


def test_a_call_with_a_wrong_row_adds_none(path):
    store = Store(path, KEYS)
    store.append(row())
    before = path.read_bytes()
    for wrong in (row(), row(seed=1), {"cell": "gru", "seed": 9}):
        with pytest.raises(
            ValueError, match="holds cell=lstm, seed=[01] already|lacks the columns"
        ):
            store.extend([row(seed=1), wrong])
    assert path.read_bytes() == before
    assert row(seed=1) not in store


def test_columns_given_are_the_files(path):
    store = Store(path, KEYS, ["score", "error"])
    assert store.columns == ["cell", "seed", "score", "error"]
    assert not path.exists()
    with pytest.raises(ValueError, match=r"lacks the columns \['score'\]"):
        store.append({"cell": "lstm", "seed": 0, "error": ""})
    store.append({"error": "no", "score": None, "seed": 0, "cell": "lstm"})
    assert path.read_text() == "cell,seed,score,error\nlstm,0,,no\n"
    assert Store(path, KEYS, ["error", "score"]).columns == [
        "cell",
        "seed",
        "score",
        "error",
    ]  # the file's order
    with pytest.raises(
        ValueError,
        match=r"has the columns .*'error'\], not \['cell', 'seed', 'loss'\]: move it away",
    ):
        Store(path, KEYS, ["loss"])


def test_failed_runs_are_counted_and_dropped(path):
    store = Store(path, KEYS, ["score", "error"])
    store.drop_failed()
    assert not path.exists()
    runs = [failed("lstm", seed, ["", 'Error: "a", b'][seed % 2]) for seed in range(5)]
    store.extend(runs)
    whole = path.read_text()
    assert store.failed() == 2
    assert all(run in store for run in runs)
    store.drop_failed()
    kept = "".join(line for line in whole.splitlines(keepends=True) if "Error" not in line)
    for opened in (store, Store(path, KEYS)):
        assert opened.failed() == 0
        assert [run in opened for run in runs] == [True, False, True, False, True]
    assert path.read_text() == kept
    store.extend([runs[1], runs[3]])
    assert sorted(path.read_text().splitlines()) == sorted(whole.splitlines())


def test_failed_runs_go_all_or_none(path, monkeypatch):
    """Killed before the new file takes its place, the old one is whole; what is left beside it
    does no harm.
    """
    store = Store(path, KEYS, ["score", "error"])
    store.extend([failed("lstm", 0, ""), failed("lstm", 1, "no")])
    whole = path.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda new, old: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.drop_failed()
    assert path.read_text() == whole
    store = Store(path, KEYS)
    store.drop_failed()
    assert path.read_text() == whole.replace("lstm,1,0.1,no\n", "")


def test_long_texts_and_odd_lines(path):
    store = Store(path, KEYS)
    store.append(row(note="x" * 300_000))
    assert row() in Store(path, KEYS)
    path.write_text("cell,seed\nlstm,0\ngru\n")
    with pytest.raises(ValueError, match=r"a line has 1 values for 2 columns: \['gru'\]"):
        Store(path, KEYS)


def test_a_lock_is_for_one_holder_and_ends_with_it(path):
    with results.lock(path):
        with pytest.raises(Stop, match=r"study.csv is in use"), results.lock(path):
            pass
        with results.lock(path.with_name("other.csv")):
            pass
    with results.lock(path):
        pass


def test_folder_is_the_repositorys():
    assert results.folder().name == "results"
    assert (results.folder().parent / "book.py").is_file()


def test_folder_outside_the_repository(monkeypatch, tmp_path):
    monkeypatch.setattr(
        results, "__file__", str(tmp_path / "site-packages" / "gatedrnn" / "results.py")
    )
    with pytest.raises(FileNotFoundError, match=r"pip install -e \."):
        results.folder()


def test_read(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    path = tmp_path / "speed.csv"
    with pytest.raises(
        NoResults, match=r"speed.csv is missing. Make them with: gatedrnn run speed"
    ):
        results.read("speed")
    for content in ("", "cell,seed\n", "cell,se"):
        path.write_text(content)
        with pytest.raises(NoResults, match="has no rows.*gatedrnn run speed"):
            results.read("speed")
    path.write_text("cell,seed\nlstm,0\ngru,")  # a study that is running just now
    pd.testing.assert_frame_equal(
        results.read("speed"), pd.DataFrame({"cell": ["lstm"], "seed": [0]})
    )
    assert path.read_text().endswith("gru,")  # reading repairs nothing


COLUMNS = ["score", "note"]
FOREIGN = {
    "other columns": b"a,b\n1,2\n3",
    "no table": b"some notes that somebody keeps here",
    "other line ends": b"cell,seed,score,note\r\nlstm,0,1,x\r\n",
    "two headers": b"cell,seed,score,note\nlstm,0,1,x\ncell,seed,score,note\n",
    "a merge conflict": b"cell,seed,score,note\n<<<<<<< HEAD\nlstm,0,1,x\n",
    "a short line": b"cell,seed,score,note\nlstm,0\n",
    "no text": b"cell,seed,score,note\nlstm,0,1,\xfc\n",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_or_damaged_file_is_refused_and_left_as_it_is(kind, path):
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        Store(path, ["cell", "seed"], COLUMNS)
    assert path.read_bytes() == FOREIGN[kind]


@pytest.mark.parametrize("kind", ["two headers", "a merge conflict", "a short line"])
def test_a_damaged_file_is_not_read_in_silence(kind, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    (tmp_path / "study.csv").write_bytes(FOREIGN[kind])
    with pytest.raises(ValueError, match=r"study\.csv"):
        results.read("study")


def filled(path):
    """A store with one run."""
    store = Store(path, ["cell", "seed"], COLUMNS)
    store.append({"cell": "lstm", "seed": 0, "score": 1, "note": "x"})
    return store


NEW = {"cell": "gru", "seed": 0, "score": 2, "note": "y"}


def test_columns_in_another_order_are_kept_and_nothing_doubles(path):
    path.write_text("note,score,seed,cell\nx,1,0,lstm\n")
    store = Store(path, ["cell", "seed"], COLUMNS)
    assert {"cell": "lstm", "seed": 0} in store
    store.append(NEW)
    assert path.read_text() == "note,score,seed,cell\nx,1,0,lstm\ny,2,0,gru\n"


def test_a_file_that_is_deleted_meanwhile_begins_anew_with_its_header(path):
    store = filled(path)
    path.unlink()
    store.append(NEW)
    assert path.read_text() == "cell,seed,score,note\ngru,0,2,y\n"


def test_a_file_that_is_reordered_meanwhile_gets_its_own_columns(path):
    store = filled(path)
    path.write_text("note,score,seed,cell\nx,1,0,lstm\nz,1,1,lstm\n")
    store.append(NEW)
    assert path.read_text().endswith("\ny,2,0,gru\n")
    assert {"cell": "lstm", "seed": 1} in store


def test_a_file_that_is_replaced_meanwhile_gets_nothing(path):
    store = filled(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(Stop, match="changed while the study ran"):
        store.append(NEW)
    assert path.read_text() == "a,b\n1,2\n"


def test_a_lock_file_that_was_removed_does_not_let_two_writers_in(path):
    with results.lock(path):
        store = filled(path)
        os.unlink(f"{path}.lock")
        with results.lock(path.with_name("other.csv")), pytest.raises(Stop, match="was removed"):
            store.append(NEW)
    assert "gru" not in path.read_text()


def test_a_text_that_is_not_utf_8_is_stored_as_its_code(path):
    store = filled(path)
    store.append(NEW | {"note": "no file m\udcfc.wav"})
    assert store.rows().note.tolist() == ["x", "no file m\\udcfc.wav"]


def test_curves_are_a_tidy_table():
    rows = pd.DataFrame(
        {"seed": [3, 4], "cell": ["lstm", "gru"], "curve": ["[[0, 1, 2, 3]]", "[[5, 6, 7, 8]]"]}
    )
    found = results.curves(rows, ["cell"])
    assert list(found) == ["cell", "seed", "step", "train_loss", "loss", "score"]
    assert found.to_numpy().tolist() == [["lstm", 3, 0, 1, 2, 3], ["gru", 4, 5, 6, 7, 8]]


def test_arms_are_the_final_rows_by_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    lines = ["phase,cell,seed", "final,gru,1", "final,gru,0", "tuning,gru,9", "final,lstm,0"]
    (tmp_path / "study.csv").write_text("\n".join(lines) + "\n")
    assert results.arms("study", cell="gru").seed.tolist() == [0, 1]
    with pytest.raises(NoResults, match="cell=rnn"):
        results.arms("study", cell="rnn")
