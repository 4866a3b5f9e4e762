"""The study of small data: its runs on all data are those of the panel."""

from gatedrnn import results
from gatedrnn.studies import protocol


def test_full_data_rows_are_those_of_the_panel():
    small, whole = results.read("small_data"), results.read("panel")
    both = small[small.share == 1].merge(whole, on=protocol.PANEL_KEYS, suffixes=("", "_panel"))
    assert len(both) == (small.share == 1).sum()
    assert (both.score == both.score_panel).all()
