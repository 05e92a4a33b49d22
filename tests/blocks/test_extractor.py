"""Pages to text: what belongs is kept, what does not is dropped, and no page is too much."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.blocks.extractor import BlockText, Options, extract_blocks
from curate.blocks.features import FEATURES, NAMES
from curate.blocks.model import ALL, MAX_ASKED, PERMISSIVE, fingerprint, judge, load, pack, unpack
from curate.blocks.page import measured, rows_of
from curate.blocks.scanner import scan_page
from curate.blocks.second import NAMES as SECOND_NAMES
from curate.blocks.second import SECOND_FEATURES

PARAGRAPHS = [
    "The river has changed its bed more than once, and the people of the town remember each time of it.",
    "In the spring of 1890 it rose by three metres, and the old bridge was carried away in a single night.",
    "A new one was built of stone, two miles upstream, where the ground is firm and the valley narrow.",
    "It stands there to this day; children fish from it in summer, and lovers carve their names into the wall.",
]
COMMENT = "What a well told story of the river this is, I grew up there myself."
PAGE = f"""<!DOCTYPE html><html lang="en"><head><title>The river – The Gazette</title>
<style>p {{ color: red }}</style><script>var hidden = "secret";</script></head><body>
<div id="cookie-banner" class="cookie-consent">
<p>We use cookies. <a href="/p">Privacy policy</a> <button>Accept</button></p></div>
<header class="site-header"><nav class="menu"><ul><li><a href="/">Home</a></li><li><a href="/n">News</a></li>
<li><a href="/s">Sport</a></li><li><a href="/a">About us</a></li></ul></nav></header>
<main><article class="post"><h1 class="entry-title">The river</h1>
<div class="entry-content">{"".join(f"<p>{text}</p>" for text in PARAGRAPHS)}</div>
<div class="share-buttons"><a href="/f">Share</a> <a href="/t">Tweet</a></div></article>
<section class="related"><h3>Related articles</h3>
<ul><li><a href="/1">The lake</a></li><li><a href="/2">The sea</a></li></ul></section>
<section id="comments" class="comments"><h3>Comments</h3>
<ol><li class="comment"><p>{COMMENT}</p></li></ol></section></main>
<footer class="site-footer"><p>Copyright 2024 The Gazette. <a href="/i">Imprint</a></p></footer></body></html>"""
LAST = "2100-01-01"


def extracted(html: str | bytes, **options: Any) -> BlockText:
    return extract_blocks(html.encode() if isinstance(html, str) else html, "", LAST, Options(**options))


def test_main_text_is_kept_and_the_rest_dropped() -> None:
    found = extracted(PAGE)
    assert all(text in found.text for text in PARAGRAPHS)
    for other in ("cookies", "Home", "Share", "The lake", "Copyright", "secret", "color"):
        assert other not in found.text
    assert 0.5 < found.confidence <= 1
    assert found.metadata.language == "en"


def test_comments_only_if_asked_for() -> None:
    assert COMMENT not in extracted(PAGE).text
    with_comments = extracted(PAGE, comments=True).text
    assert COMMENT in with_comments
    assert all(text in with_comments for text in PARAGRAPHS)


def test_markdown_has_headings() -> None:
    text = extracted(PAGE, markdown=True).text
    assert "\n\n".join(PARAGRAPHS) in text


def test_precision_keeps_no_more_than_recall() -> None:
    kept = [len(extracted(PAGE, mode=mode).text) for mode in ("precision", "default", "recall")]
    assert kept == sorted(kept)


@pytest.mark.parametrize("html", ["", " ", "<html></html>", "<p></p>", "\0\0", "<script>x"])
def test_a_page_without_text(html: str) -> None:
    found = extracted(html)
    assert (found.text, found.confidence) == ("", 0.0)


@given(st.binary(max_size=300), st.sampled_from(["default", "precision", "recall"]), st.booleans())
@settings(deadline=None)
def test_any_bytes_give_a_text(data: bytes, mode: str, both: bool) -> None:
    found = extracted(data, mode=mode, comments=both, markdown=both)
    assert 0 <= found.confidence <= 1
    found.text.encode()


def test_features_have_names_and_do_not_depend_on_pieces() -> None:
    scan = scan_page(PAGE.encode())
    page = measured(scan, "The river", load().words, load().classes)
    rows = rows_of(page)
    assert (rows.shape[1], len(set(NAMES)), len(set(SECOND_NAMES))) == (FEATURES, FEATURES, SECOND_FEATURES)
    assert np.isfinite(rows).all()
    for number in range(len(rows)):
        assert np.array_equal(rows_of(page, np.array([number]))[0], rows[number])
    own = dict(zip(NAMES, rows[[i for i, b in enumerate(scan.blocks) if b["links"] == 0][1]], strict=True))
    assert own["link_share"] == 0
    assert own["title_hits"] > 0


@pytest.mark.parametrize("weights", [ALL, PERMISSIVE])
def test_a_model_is_small_and_survives_its_file(weights: str) -> None:
    model = load(weights)
    data = pack(model)
    assert len(data) <= 1 << 20
    assert pack(unpack(data)) == data
    assert max(model.first.nodes["feature"]) < FEATURES
    assert max(model.second.nodes["feature"]) < FEATURES + SECOND_FEATURES
    found = extracted(PAGE, weights=weights).text
    assert all(text in found for text in PARAGRAPHS)


def test_the_two_models_differ_in_their_fingerprint() -> None:
    assert fingerprint(ALL) != fingerprint(PERMISSIVE)


MEGA = 1_000_000
HOSTILE = {
    "50 MB": (f"<div><p class=text>{PARAGRAPHS[0]}</p><a href=x>link</a></div>" * 400_000).encode()[: 50 * MEGA],
    "nested": b"<div>" * 200_000 + b"x" + b"</div>" * 200_000,
    "siblings": b"<ul>" + b"<li>x" * MEGA,
    "unclosed script": b"<p>x</p><script>" + b"</scrip <p>" * MEGA,
    "cells": b"<table><tr>" + b"<td>x" * MEGA,
    "items": b"<ol>" + b"<li><p>x" * MEGA,
    "meta": b"<meta name=x content=y>" * MEGA,
}


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_page_takes_two_seconds(name: str, markdown: bool) -> None:
    extracted(PAGE, markdown=markdown)
    started = time.process_time()
    found = extracted(HOSTILE[name], markdown=markdown, comments=markdown)
    assert time.process_time() - started < 2
    assert len(found.text) <= 2 * len(HOSTILE[name])


def test_blocks_between_those_asked_about_follow_them() -> None:
    count = 2 * MAX_ASKED + 1
    chances = judge(b"<p>x" * count, load()).chances
    assert len(chances) == count
    assert all(len(set(chances[at : at + 3])) == 1 for at in range(0, count, 3))


def test_gold_pages_are_extracted_as_measured(shared_data: Path) -> None:
    """Pages that were trained on: this guards what is shipped against damage, and says nothing of other pages."""
    from models.extraction.gold import html_of
    from models.extraction.scores import score

    folder = shared_data / "gold"
    rows = [json.loads(line) for line in (folder / "small-dev.gold.jsonl").read_text(encoding="utf-8").splitlines()]
    gold = {row["url"]: row["gold"] for row in rows}
    pages = [(page, gold[url]) for url, page in html_of(folder / "small-dev.warc.gz") if url in gold]
    assert len(pages) > 200
    assert np.mean([score(extracted(page).text, text)[0] for page, text in pages]) > 0.92
