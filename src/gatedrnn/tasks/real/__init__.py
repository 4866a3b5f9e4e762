"""Tasks on real data: speech, images, music, text, traffic and motion."""

from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import DigitStrings, SpokenDigits, digits_split
from gatedrnn.tasks.real.text import CarriedText, Characters
from gatedrnn.tasks.real.traffic import Traffic

__all__ = [
    "CarriedText",
    "Characters",
    "Chorales",
    "DigitStrings",
    "PixelDigits",
    "SpokenDigits",
    "Traffic",
    "Watch",
    "digits_split",
]
