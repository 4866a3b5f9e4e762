"""The page of deviations: every changed claim with its old word, its reason and its new word."""

import pytest

from gatedrnn.claims import deviations, register
from gatedrnn.claims.ruling import Word


def test_every_claim_with_a_new_rule_says_why():
    assert {claim.id for claim in register.load_next()} <= set(deviations.reasons())


def test_a_claim_that_waits_has_no_word_yet():
    table = deviations.table().set_index("id")
    waiting = {claim.id for claim in register.load_next()}
    for id, row in table.iterrows():
        assert (row.now == deviations.WAITS) == (id in waiting)
        assert row["first"] in list(Word)
        assert row.now in [*Word, deviations.WAITS]


@pytest.mark.parametrize("text", ["C99: {wrong: a, changed: b}", "C05: {wrong: a}"])
def test_a_wrong_entry_is_named(text, tmp_path, monkeypatch):
    path = tmp_path / "deviations.yml"
    path.write_text(text)
    monkeypatch.setattr(deviations, "REASONS", path)
    with pytest.raises(ValueError, match=f"deviations.yml, {text[:3]}: give"):
        deviations.reasons()
