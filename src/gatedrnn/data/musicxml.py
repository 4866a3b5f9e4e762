"""The notes of a compressed MusicXML file (.mxl), as far as a piece in a few parts needs it."""

import io
import zipfile
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

# Of each step of the scale, above C.
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Note(NamedTuple):
    """A note that sounds.

    Attributes:
        onset: When it begins, in quarter notes from the beginning of the piece.
        duration: How long it sounds, in quarter notes.
        pitch: The MIDI pitch: 60 is the middle C, 61 the semitone above.
    """

    onset: float
    duration: float
    pitch: int


def read(raw: bytes) -> tuple[list[list[Note]], int | None]:
    """Read the notes of a piece.

    Args:
        raw: The bytes of the file.

    Returns:
        The notes of each part that has any; and the sharps of the first key signature, negative for
        flats, None if there is no signature.
    """
    archive = zipfile.ZipFile(io.BytesIO(raw))
    score = ElementTree.fromstring(archive.read(_name_of_the_score(archive)))
    parts = [list(_notes(part)) for part in score.findall("part")]
    sharps = score.findtext("part/measure/attributes/key/fifths")
    return [notes for notes in parts if notes], int(sharps) if sharps else None


def _name_of_the_score(archive):
    """The file of the archive that holds the notes: the rest describes the archive."""
    for name in archive.namelist():
        if name.endswith(".xml") and not name.startswith("META-INF"):
            return name
    raise ValueError("the archive holds no score")


def _notes(part: ElementTree.Element) -> Iterator[Note]:
    """The notes of one part, as they are written."""
    now = 0.0  # where the pen stands
    onset = 0.0  # where the last note begins
    divisions = 1  # of a quarter note: the unit of the durations
    for element in part.iterfind("measure/*"):
        duration = float(element.findtext("duration", "0")) / divisions
        if element.tag == "attributes":
            divisions = int(element.findtext("divisions", divisions))
        elif element.tag == "backup":
            now -= duration
        elif element.tag == "forward":
            now += duration
        elif element.tag == "note" and element.find("grace") is None:
            if element.find("chord") is None:  # a note of a chord begins with the note before it
                onset = now
                now += duration
            pitch = element.find("pitch")
            if pitch is not None:  # None: a rest
                yield Note(onset, duration, _midi(pitch))


def _midi(pitch):
    """The MIDI pitch of a step of the scale in its octave, altered by semitones."""
    octave = int(pitch.findtext("octave"))
    altered = int(float(pitch.findtext("alter", "0")))
    return 12 * (octave + 1) + SEMITONES[pitch.findtext("step")] + altered
