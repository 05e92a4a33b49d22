"""Thousands of small files are published here, none of which has to survive a power cut."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def quick_files_everywhere(quick_files: None) -> None:
    """Every test in this folder."""
