"""Text to plant, made up, so that no test depends on what is installed."""

from pathlib import Path

import numpy as np
import pytest

SYLLABLES = ("ba", "Dé", "ki", "lo_", "mur", "né", "O", "ri", "sta", "文", "7")
MARKS = ("", "", "", ",", ".", "-", "…", "'s")


@pytest.fixture(scope="session")
def made_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 600 kB of words that nobody has said, in files of the kinds that planted.py reads."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("text")
    for name in ("a.txt", "b.md", "c.rst"):
        drawn = rng.choice(SYLLABLES, (33_000, 3))
        words = ["".join(row) + mark for row, mark in zip(drawn.tolist(), rng.choice(MARKS, 33_000), strict=True)]
        (folder / name).write_text(" ".join(words), encoding="utf-8")
    return folder
