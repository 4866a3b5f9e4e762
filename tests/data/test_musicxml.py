"""Notes are read as the score says."""

import io
import zipfile

import pytest

from gatedrnn.data import musicxml

SCORE = """<score-partwise><part><measure>
<attributes><divisions>2</divisions><key><fifths>-3</fifths></key></attributes>
<note><pitch><step>C</step><alter>1</alter><octave>4</octave></pitch><duration>2</duration></note>
<note><chord/><pitch><step>E</step><octave>4</octave></pitch><duration>2</duration></note>
<note><grace/><pitch><step>D</step><octave>4</octave></pitch></note>
<note><rest/><duration>3</duration></note>
<note><pitch><step>B</step><alter>-1</alter><octave>3</octave></pitch><duration>1</duration></note>
<backup><duration>6</duration></backup><forward><duration>2</duration></forward>
<note><pitch><step>G</step><octave>3</octave></pitch><duration>4</duration></note>
</measure></part><part><measure><note><rest/><duration>8</duration></note></measure></part>
</score-partwise>"""


def packed(score):
    """The bytes of a compressed score; a file beside it describes the archive."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("score.xml", score)
    return raw.getvalue()


def test_notes_are_read_as_the_score_says():
    parts, sharps = musicxml.read(packed(SCORE))
    # the part that only rests is none
    assert parts == [[(0, 1, 61), (0, 1, 64), (2.5, 0.5, 58), (1, 2, 55)]]
    assert sharps == -3


@pytest.mark.parametrize(
    ("key", "sharps"),
    [("", None), ("<key><fifths>0</fifths></key>", 0), ("<key><fifths>4</fifths></key>", 4)],
)
def test_a_score_may_have_no_sharps_and_no_signature(key, sharps):
    assert musicxml.read(packed(SCORE.replace("<key><fifths>-3</fifths></key>", key)))[1] == sharps
