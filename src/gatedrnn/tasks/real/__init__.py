"""Tasks on real data: speech, images, music, text, traffic and motion.

``TASKS`` holds every task of this folder by its name; a new file is found by itself.
"""

from gatedrnn.tasks.base import find_tasks
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import DigitStrings, SpokenDigits, digits_split
from gatedrnn.tasks.real.text import CarriedText, Characters, PlantedText
from gatedrnn.tasks.real.traffic import Traffic

TASKS = find_tasks(__name__, __path__)

__all__ = [
    "TASKS",
    "CarriedText",
    "Characters",
    "Chorales",
    "DigitStrings",
    "PixelDigits",
    "PlantedText",
    "SpokenDigits",
    "Traffic",
    "Watch",
    "digits_split",
]
