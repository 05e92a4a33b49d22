"""The stage `domain`: topics in both languages, what has none, and topics of one's own."""

from pathlib import Path

import pyarrow as pa
import pytest

from curate.classify.model import load, pack
from curate.rule import Rule, decide
from curate.stages.domain import check, domain

TEXTS = {
    ("en", "sports"): "The striker scored twice as the team won the cup final after extra time on Saturday.",
    ("en", "technology"): "The new version of the browser fixes a security hole in its software, Microsoft said.",
    ("zh", "sports"): "球队在比赛中连进三球，夺得本届联赛冠军",
    ("zh", "health"): "目的探讨中药治疗慢性胃炎患者的临床疗效。方法选取患者八十例,随机分为对照组和治疗组",
    ("zh", "markets"): "沪指收盘上涨百分之二 两市成交额放大 券商股领涨",
    ("zh", "fiction"): "热门小说免费看，海量玄幻、都市、言情小说，每日更新最新章节",
}


def topics(texts: list[str | None], langs: list[str | None]) -> tuple[list[str | None], list[float | None]]:
    found = domain(pa.array(texts, pa.string()), pa.array(langs, pa.string()))
    assert {name: values.type for name, values in found.items()} == dict(domain.adds)
    return found["domain"].to_pylist(), found["domain_score"].to_pylist()


def test_topics_are_told_apart() -> None:
    labels, scores = topics(list(TEXTS.values()), [lang for lang, _ in TEXTS])
    assert labels == [topic for _, topic in TEXTS]
    assert all(1 / 23 < score <= 1 for score in scores if score is not None)


def test_no_text_and_no_known_language_have_no_topic() -> None:
    assert topics([None, "", "Der Ball ist rund.", "ball"], ["en", "zh", "de", None]) == ([None] * 4, [None] * 4)


def test_rules_may_choose_topics() -> None:
    labels, _ = topics(list(TEXTS.values()), [lang for lang, _ in TEXTS])
    rule = Rule("domain", "off_topic", any_of=("sports",))
    kept = decide([rule], {"domain": pa.array(labels)}, len(labels)).rule < 0
    assert kept.tolist() == [topic == "sports" for _, topic in TEXTS]


def test_topics_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    model = load("domain")
    path.write_bytes(pack(model._replace(classes=tuple(name.upper() for name in model.classes), thresholds={"": 0.5})))
    found = domain(pa.array([TEXTS["en", "sports"]]), pa.array(["xx"]), model=str(path))
    assert found["domain"].to_pylist() == ["SPORTS"]
    assert check(model=str(path)) != check(model="domain")


@pytest.mark.parametrize("empty", [pa.array([], pa.string())])
def test_no_documents(empty: pa.Array) -> None:
    assert [len(values) for values in domain(empty, empty).values()] == [0, 0]
