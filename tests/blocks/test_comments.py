"""Readers' comments are no text where there is another one, and judged like any block where there is none."""

import numpy as np

from curate.blocks.comments import in_comments, without_comments
from curate.blocks.scanner import scan_page

PAGE = b"<h1>Title</h1><p>text</p><ol class='comment-list'><li><p>first</p></li></ol><footer>foot</footer>"
INSIDE = [False, False, True, False]


def test_what_calls_itself_comments_is_found_by_parts_of_its_class() -> None:
    assert in_comments(scan_page(PAGE)).tolist() == INSIDE


def test_comments_below_a_text_are_dropped_and_nothing_else_is() -> None:
    chances = np.array([0.9, 0.9, 0.8, 0.1], np.float32)
    tokens = np.array([5, 100, 400, 3], np.float32)
    left = without_comments(scan_page(PAGE), chances, tokens)
    assert left.tolist() == np.where(INSIDE, np.float32(0), chances).tolist()


def test_comments_are_the_text_where_there_is_hardly_another() -> None:
    chances = np.array([0.9, 0.2, 0.8, 0.1], np.float32)
    tokens = np.array([5, 100, 400, 3], np.float32)
    assert without_comments(scan_page(PAGE), chances, tokens).tolist() == chances.tolist()


def test_a_page_without_blocks_has_none() -> None:
    none = np.empty(0, np.float32)
    assert len(without_comments(scan_page(b""), none, none)) == 0
