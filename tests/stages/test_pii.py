"""The stage `pii`: what is written in place of personal data, what is counted, when a document is dropped."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl import article
from hypothesis import given
from hypothesis import strategies as st
from page_crawls import ledger_of

from curate.engines.local import LocalEngine
from curate.errors import RecipeError
from curate.inspect.explain import explain
from curate.inspect.run_folder import open_run
from curate.pii.masks import EMAILS
from curate.pii.numbers import KINDS
from curate.pii.plans import plans_fingerprint
from curate.plan import compile_plan
from curate.progress import Silent
from curate.recipe import parse_recipe
from curate.rule import decide
from curate.run import run
from curate.schema import content_id
from curate.stage import StageCall, parameters_of
from curate.stages.pii import pii
from curate.text.coarse import coarse

DEFAULTS = {name: item.default for name, item in parameters_of(pii.function).items()}
TEXT = (
    "写信 zhang@163.com 或电话 010-65529988，手机１３８１２３４５６７８，IP 64.1.2.3、2606:4700::1111，"
    "身份证11010519491231002X。"
)


def masked(text: str, doc_id: str = "a", **parameters: object) -> str:
    return str(pii(pa.array([text]), pa.array([doc_id]), **parameters)["text"][0])


def test_natural_masks_keep_the_look_of_what_they_hide() -> None:
    assert masked("Tel. +49 (0)30 901820, 020 7946 0958, 138-1234-5678") == (
        "Tel. +49 (0)00 000000, 020 0000 0000, 138-0000-0000"
    )
    assert (
        masked("４１１１ 1111 1111 1111, CH56 0900 0000 8952 1766 7")
        == "４１１１ 0000 0000 0000, CH00 0000 0000 0000 0000 0"
    )
    assert (
        masked("手机１３８１２３４５６７８，身份证11010519491231002X")
        == "手机１３８００００００００，身份证11000000000000000X"
    )
    american = masked("call (212) 736-5000 or 1-646-736-5000")
    assert american.startswith("call (212) 555-01")
    assert american[19:].startswith(" or 1-646-555-01")
    assert masked("to jo@gmail.com") in [f"to {email}" for email in EMAILS]
    assert masked("at 64.1.2.3").rpartition(".")[0] in ("at 192.0.2", "at 198.51.100", "at 203.0.113")
    assert masked("at 2606:4700::1111").startswith("at 2001:db8::")


def test_tags_and_replacements() -> None:
    assert masked(TEXT, style="tags") == (
        "写信 |||EMAIL_ADDRESS||| 或电话 |||PHONE_NUMBER|||，手机|||PHONE_NUMBER|||，"
        "IP |||IP_ADDRESS|||、|||IP_ADDRESS|||，"
        "身份证|||ID_NUMBER|||。"
    )
    assert masked("a@b.org 64.1.2.3", replace={"email": "<EMAIL>"}, kinds=("email",)) == "<EMAIL> 64.1.2.3"


def test_counts() -> None:
    found = pii(pa.array([TEXT, "nothing", "", None]), pa.array(["a", "b", "c", "d"]))
    assert {name: values.type for name, values in found.items()} == dict(pii.adds)
    assert {kind: found[f"pii_{kind}"].to_pylist() for kind in KINDS} == {
        "email": [1, 0, 0, 0], "ip": [2, 0, 0, 0], "phone": [2, 0, 0, 0], "id": [1, 0, 0, 0],
        "card": [0] * 4, "iban": [0] * 4,
    }  # fmt: skip
    assert found["pii_count"].to_pylist() == [6, 0, 0, 0]
    assert found["pii_per_1000_chars"].to_pylist() == [pytest.approx(6000 / len(TEXT)), 0, None, None]
    assert found["text"].to_pylist()[1:] == ["nothing", "", None]


def test_verdict() -> None:
    documents = ["jo@gmail.com " * 20, "One address in a long text: jo@gmail.com. " + "word " * 100, ""]
    call = StageCall(pii, "pii", DEFAULTS, pii.rules_for({}))
    verdicts = decide(call.rules, call.apply({"text": pa.array(documents), "doc_id": pa.array(["a", "b", "c"])}), 3)
    assert [call.rules[rule].reason if rule >= 0 else None for rule in verdicts.rule] == ["much_pii", None, None]
    assert verdicts.not_applicable == {"much_pii": 1}


def test_one_address_has_one_mask_in_a_document_and_maybe_another_elsewhere() -> None:
    text = "jo@gmail.com, then jo@gmail.com"
    masks = [masked(text, str(number)) for number in range(20)]
    assert all(mask.partition(", then ")[0] == mask.partition(", then ")[2] for mask in masks)
    assert len(set(masks)) == 2
    assert masks != [masked(text, str(number), seed=7) for number in range(20)]


def test_a_number_beside_a_masked_address_is_masked_too() -> None:
    found = pii(pa.array(["tel 212 736 5001 1@gmail.com"]), pa.array(["a"]))
    assert found["pii_phone"].to_pylist() == [1]
    assert str(found["text"][0]).startswith("tel 212 555 01")


PIECES = st.sampled_from(
    ["jo@gmail.com", "1@b.org", "@", ".", "64.1.2.3", "2606:4700::1111", ":", "13812345678", "138 1234 5678", "tel ",
     "电话",
     "212 736 5000", "(212) 736-5000", "010-65529988", "+49 30 901820", "11010519491231002X", "4111 1111 1111 1111",
     "CH56 0900 0000 8952 1766 7", " ", "-", "/", ",", "a", "5", "１", "\n", "http://", "v", "，"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text("1@.:-+( )", max_size=3)), max_size=12).map("".join)


@given(TEXTS, st.sampled_from(["natural", "tags"]))
def test_its_own_output_does_not_change(text: str, style: str) -> None:
    once = masked(text, style=style)
    again = pii(pa.array([once]), pa.array(["a"]), style=style)
    assert str(again["text"][0]) == once
    assert again["pii_count"].to_pylist() == [0]


@given(st.lists(st.one_of(st.none(), TEXTS), max_size=5), st.integers(0, 5))
def test_batches_do_not_show(documents: list[str | None], at: int) -> None:
    texts, ids = (
        pa.array(documents, pa.string()),
        pa.array([str(number) for number in range(len(documents))], pa.string()),
    )
    whole = pii(texts, ids)
    parts = [pii(texts.slice(0, at), ids.slice(0, at)), pii(texts.slice(at), ids.slice(at))]
    for name, values in whole.items():
        assert [value for part in parts for value in part[name].to_pylist()] == values.to_pylist()


def test_replacements_that_would_be_masked_are_refused() -> None:
    assert pii.check is not None
    for replace, why in (
        ({"email": "me@firm.com"}, "pii.replace.email: 'me@firm.com' would be taken for personal data"),
        ({"phone": "tel"}, "pii.replace.phone: 'tel' would be taken"),
        ({"mail": "x"}, "there is no kind 'mail'.*email"),
    ):
        with pytest.raises(RecipeError, match=why):
            pii.check(**{**DEFAULTS, "replace": replace})
    assert pii.check(**{**DEFAULTS, "replace": {"email": "<EMAIL>"}}) == plans_fingerprint()


def test_deduplication_here_and_in_later_crawls_is_of_the_text_before_it(tmp_path: Path) -> None:
    """Two texts that differ in nothing but an address stay two; one that comes again is known by its address."""
    common = "Write to {}@gmail.com, everybody is welcome."
    crawls = {
        40: [f"{common.format(name)}\n{article(1)}" for name in ("jo", "jim")],
        41: [f"{common.format('jo')}\n{article(1)}"],
    }
    for crawl, texts in crawls.items():
        (tmp_path / f"{crawl}.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
        exact = {"use": "exact_dedup", "policy": "earliest"}
        root = {"name": "made", "root": str(tmp_path), "paths": [f"{crawl}.jsonl"], "crawl": crawl}
        plan = compile_plan(parse_recipe({"name": "r", "input": [root], "stage": [exact, {"use": "pii"}]}))
        run(plan, tmp_path / str(crawl), LocalEngine(1), Silent(), [tmp_path / "40"] if crawl == 41 else [])
    kept = pq.read_table(tmp_path / "40" / "corpus").to_pylist()
    assert len(kept) == 2
    assert {row["content_id"] for row in kept} == {content_id(form or b"") for form in coarse(pa.array(crawls[40]))}
    assert all("gmail" not in row["text"] and row["pii_email"] == 1 for row in kept)
    (again,) = ledger_of(tmp_path / "41")
    assert (again["verdict"], again["stage"], again["reason"]) == ("dropped", "exact_dedup", "exact_duplicate")
    explained = explain(open_run(tmp_path / "40"), kept[0]["doc_id"])
    assert explained.visits[-1].added["pii_email"] == 1
    assert "gmail" not in str(explained.columns["text"])


def test_a_long_group_of_digits_behind_a_zero_is_no_area_code() -> None:
    """It was looked up as one, far outside of the table."""
    text = "from 0754898329158637 on, 0754898329158637 12"
    assert pii.function(pa.array([text]), pa.array([b"0" * 16]))["text"].to_pylist() == [text]
