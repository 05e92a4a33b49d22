"""What the tables of the model card are made of."""

import pytest

from curate.blocks.scanner import scan_page
from curate.errors import RecipeError
from models.extraction.labels import label
from models.extraction.peers import Counts, count_snippets, is_installed
from models.extraction.samples import Sample, balanced
from models.extraction.scores import rouge, score


def test_token_scores_know_no_order_and_count_repetitions() -> None:
    assert score("b a a", "a b c d") == pytest.approx((4 / 7, 2 / 3, 2 / 4))
    assert score("", "") == (1.0, 1.0, 1.0)
    assert score("", "a") == score("a", "") == (0.0, 0.0, 0.0)


def test_rouge_wants_runs_of_five_in_order() -> None:
    assert rouge("a b c d e f", "a b c d e g") == pytest.approx(0.5)
    assert rouge("e d c b a", "a b c d e") == 0.0
    assert rouge("今天天气很好", "今天天气很好") == 1.0


def test_rouge_of_a_text_shorter_than_a_run_is_that_of_the_whole() -> None:
    assert (rouge("a b", "a b"), rouge("a b", "b a"), rouge("", ""), rouge("", "a")) == (1.0, 0.0, 1.0, 0.0)


def test_snippets_are_found_whatever_white_space_is_between_their_words() -> None:
    counts = count_snippets("one\n two  three", ["one two", "three four"], ["two three", "menu"])
    assert counts == Counts(found=1, missed=1, kept=1, left_out=1)
    assert (counts + Counts(1, 0, 0, 2)).scores == pytest.approx((2 / 3, 2 / 3, 2 / 3, 5 / 7))


def test_no_snippets_are_no_score_and_no_error() -> None:
    assert Counts().scores == (0.0, 0.0, 0.0, 0.0)


def test_sets_weigh_as_the_root_of_their_pages_and_those_of_the_same_people_together() -> None:
    scan = scan_page(b"<p>text</p>")
    sources = ["large"] * 16 + ["cleaneval"] * 3 + ["cleanportaleval"]
    pages = balanced([Sample(scan, "", label(scan, "text"), "site", source, "en", "text") for source in sources])
    weight = {one.source: one.weight for one in pages}
    assert weight["cleaneval"] == weight["cleanportaleval"] == pytest.approx(2 * weight["large"])
    assert sum(one.weight for one in pages) == pytest.approx(len(pages))


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ModuleNotFoundError("No module named 'readability'"), False),
        (RecipeError("backend = 'magic_html' needs pip install"), False),
        (ValueError("too short"), True),
    ],
)
def test_an_extractor_that_is_not_installed_is_named_and_left_out(
    raised: Exception, expected: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def extract(html: bytes, url: str) -> str:
        raise raised

    assert is_installed("other", extract) is expected
    assert ("other is left out" in capsys.readouterr().err) is not expected
