"""A test that changes what the loaders return has everything prepared anew."""

import pytest

from gatedrnn.tasks.real import images, motion, music, speech, text, traffic


def forget():
    for prepared in (
        images.images,
        motion.motions,
        music.pieces,
        speech.recordings,
        speech._disturbance,
        text.texts,
        traffic.hours,
    ):
        prepared.cache_clear()


@pytest.fixture
def fresh():
    """Empty caches, before and after; called, it empties them once more."""
    forget()
    yield forget
    forget()
