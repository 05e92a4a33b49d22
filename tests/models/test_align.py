"""The alignment that labels blocks, against brute force and on the cases that it is for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.blocks.scanner import scan_page
from models.extraction.align import aligned, as_numbers, tokens
from models.extraction.labels import label

WORDS = st.lists(st.sampled_from("abc"), max_size=9)


def longest_common(one: list[str], other: list[str]) -> int:
    if not one or not other:
        return 0
    if one[-1] == other[-1]:
        return longest_common(one[:-1], other[:-1]) + 1
    return max(longest_common(one[:-1], other), longest_common(one, other[:-1]))


@given(WORDS, WORDS)
def test_matches_are_a_common_subsequence_not_far_from_the_longest(one: list[str], other: list[str]) -> None:
    page, gold = as_numbers(one, other)
    matched = aligned(page, gold)
    rest = iter(other)
    assert all(word in rest for word, is_matched in zip(one, matched, strict=True) if is_matched)
    longest = longest_common(one, other)
    assert longest * 2 / 3 <= matched.sum() <= longest


def test_a_run_is_preferred_to_scattered_words() -> None:
    page, gold = as_numbers(
        ["the", "of", "a", "x", "the", "river", "of", "the", "town"], ["the", "river", "of", "the", "town"]
    )
    assert np.flatnonzero(aligned(page, gold)).tolist() == [4, 5, 6, 7, 8]


def test_blocks_of_the_gold_text_are_positive() -> None:
    html = "<nav>home news river</nav><h1>The river</h1><p>It rose again.<p>河水上涨<footer>about the river</footer>"
    labels = label(scan_page(html.encode()), "The river It rose again. 河水上涨")
    assert labels.positive.tolist() == [False, True, True, True, False]
    assert labels.gold == 9
    assert labels.tokens.tolist() == [3, 2, 3, 4, 3]


def test_a_block_out_of_order_gets_a_second_chance() -> None:
    gold = "six seven eight nine one two three four five"
    labels = label(scan_page(b"<p>one two three four five<p>six seven eight nine"), gold)
    assert labels.positive.all()


def test_a_token_is_a_word_or_a_cjk_character() -> None:
    assert tokens("don't 河水 x_1") == ["don", "t", "河", "水", "x", "1"]
