"""The notes of a compressed MusicXML file (.mxl), as far as a piece in a few plain parts needs it."""

import io
import zipfile
from xml.etree import ElementTree

SEMITONES = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))


def read(raw):
    """(parts, sharps): for each part that has notes a list of (onset, duration, MIDI pitch), in quarter notes; the
    sharps of the first key signature, negative for flats, None if there is no signature.
    """
    archive = zipfile.ZipFile(io.BytesIO(raw))
    name = next(
        name
        for name in archive.namelist()
        if name.endswith(".xml") and not name.startswith("META-INF")
    )
    score = ElementTree.fromstring(archive.read(name))
    sharps = score.findtext("part/measure/attributes/key/fifths")
    return [
        notes for part in score.findall("part") if (notes := list(_notes(part)))
    ], sharps and int(sharps)


def _notes(part):
    onset = now = 0.0
    divisions = 1  # of a quarter note: the unit of the durations
    for element in part.iterfind("measure/*"):
        duration = float(element.findtext("duration", "0")) / divisions
        if element.tag == "attributes":
            divisions = int(element.findtext("divisions", divisions))
        elif element.tag in ("backup", "forward"):
            now += duration if element.tag == "forward" else -duration
        elif element.tag == "note" and element.find("grace") is None:
            if element.find("chord") is None:  # a note of a chord begins with the note before it
                onset, now = now, now + duration
            if (pitch := element.find("pitch")) is not None:  # None: a rest
                octave, alter = (
                    int(pitch.findtext("octave")),
                    int(float(pitch.findtext("alter", "0"))),
                )
                yield onset, duration, 12 * (octave + 1) + SEMITONES[pitch.findtext("step")] + alter
