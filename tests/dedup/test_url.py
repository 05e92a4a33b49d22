"""Deduplication by URL: what counts as one page, and which capture of it stays."""

from pathlib import Path

import pyarrow as pa
import pytest
from dedup_steps import doc_id, run_wide

from curate.dedup.url import url_dedup, url_id

ONE_PAGE = [
    "http://example.org/a/b?x=1",
    "https://www.example.org/a/b/?x=1",
    "https://EXAMPLE.org:443/a/b?x=1#part",
    " http://example.org:80/a/b?x=1 ",
]
OTHER_PAGES = [
    "http://example.org/a/B?x=1", "http://example.org/a/b?x=2", "http://example.org/a/b", "http://example.org:8080/a/b?x=1",
    "http://sub.example.org/a/b?x=1", "http://[broken/a",
]  # fmt: skip


def test_captures_of_one_page_share_an_id_and_others_do_not() -> None:
    ids = url_id(pa.array([*ONE_PAGE, *OTHER_PAGES])).to_pylist()
    assert len(set(ids[: len(ONE_PAGE)])) == 1
    assert len(set(ids)) == 1 + len(OTHER_PAGES)


def test_no_url_is_no_id() -> None:
    assert url_id(pa.array([None, "", "x"], pa.string())).is_null().to_pylist() == [True, True, False]


@pytest.mark.parametrize(("policy", "kept"), [("newest", 2), ("earliest", 0)])
def test_the_first_in_order_stays(policy: str, kept: int, tmp_path: Path) -> None:
    (url,) = set(url_id(pa.array(ONE_PAGE)).to_pylist())
    captures = [{"doc_id": doc_id(number), "crawl": number, "url_id": url} for number in range(3)]
    alone = {"doc_id": doc_id(9), "crawl": 1, "url_id": None}
    found, _ = run_wide(url_dedup, tmp_path, [captures[:1], [*captures[1:], alone]], policy=policy)
    assert found.pop(doc_id(kept)) == {"cluster_size": 3}
    dropped = {key: (row["verdict"], row["reason"], row["duplicate_of"]) for key, row in found.items()}
    others = [doc_id(number) for number in range(3) if number != kept]
    assert dropped == dict.fromkeys(others, ("dropped", "same_url", doc_id(kept)))
