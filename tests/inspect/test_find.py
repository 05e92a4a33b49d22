"""Documents are found by what people have of them."""

from pathlib import Path

import pytest
from made_run import Record, by_offset, dropped, ordinary, write_run

from curate.errors import RecipeError
from curate.inspect.find import LEAST_DIGITS, find_document
from curate.inspect.run_folder import RunFolder, open_run


@pytest.mark.parametrize(
    "key",
    [
        "https://www.site0.example/page/72",
        "http://www.site0.example/page/72",
        "www.site0.example/page/72/",
        by_offset(72),
        by_offset(72).upper(),
        by_offset(72)[:12],
        by_offset(72)[:4],
    ],
)
def test_a_document_has_many_keys(made_run: RunFolder, key: str) -> None:
    assert find_document(made_run, key) == by_offset(72)


def test_a_source_with_one_record_is_a_key(made_run: RunFolder) -> None:
    assert find_document(made_run, "in/pages/a/2.html") == ordinary()[-3].doc_id


def test_nothing_found_says_what_would_do(made_run: RunFolder) -> None:
    with pytest.raises(RecipeError, match=r"no document 'http://nowhere\.example/': give a doc_id, 4 or more first"):
        find_document(made_run, "http://nowhere.example/")
    taken = {record.doc_id[:4] for record in ordinary()}
    free = next(f"{number:04x}" for number in range(1 << 16) if f"{number:04x}" not in taken)
    with pytest.raises(RecipeError, match=f"no document '{free}'"):
        find_document(made_run, free)


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_too_few_digits_are_told_so(made_run: RunFolder, digits: int) -> None:
    key = by_offset(72)[:digits]
    with pytest.raises(RecipeError, match=rf"'{key}' is too short to name a document: give .* {LEAST_DIGITS} or more"):
        find_document(made_run, key)


def test_several_are_listed(made_run: RunFolder) -> None:
    with pytest.raises(RecipeError, match=r"57 documents are 'in/crawl.warc.gz'; give the doc_id(.|\n)*and 47 more"):
        find_document(made_run, "in/crawl.warc.gz")


def test_a_beginning_of_two_ids_lists_both(tmp_path: Path) -> None:
    """Sources are names of crawled files: nothing in them may act on the terminal that shows the error."""
    by_digits: dict[str, Record] = {}
    for number in range(1 << 12):
        record = Record(f"in/\x1b[2J{number}", 0, {"url": None}, dropped("read", "empty"))
        first = by_digits.setdefault(record.doc_id[:4], record)
        if first is not record:
            break
    run = open_run(write_run(tmp_path, [first, record]))
    digits = record.doc_id[:4]
    with pytest.raises(RecipeError, match=f"2 doc_ids begin with '{digits}'; give the doc_id of one") as told:
        find_document(run, digits)
    assert first.doc_id in str(told.value)
    assert f"{record.doc_id}  dropped in/⟦U+001B⟧[2J" in str(told.value)
