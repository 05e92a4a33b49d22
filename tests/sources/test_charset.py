"""decode_text: which declaration is believed, and what the bytes alone give away."""

import codecs
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources.charset import decode_as, decode_text, encoding_of_label, find_encoding

CHINESE = "中文网页的正文，说明编码如何判断。今天天气很好，我们去公园散步，看见许多花。"
TRADITIONAL = "中文網頁的正文，說明編碼如何判斷。今天天氣很好，我們去公園散步，看見許多花。"
JAPANESE = "日本語のページです。文字コードの判定について説明します。今日は天気がいいので散歩に行きました。"
KOREAN = "한국어 페이지입니다. 문자 집합을 판별하는 방법을 설명합니다. 오늘은 날씨가 좋아서 산책을 했습니다."
RUSSIAN = "Это русская страница. Мы объясняем, как определяется кодировка. Сегодня хорошая погода."
GREEK = "Αυτή είναι μια ελληνική σελίδα. Εξηγούμε πώς ορίζεται η κωδικοποίηση. Άλλη μια πρόταση."
POLISH = (
    "Zażółć gęślą jaźń. To jest polska strona, która wyjaśnia, skąd się bierze kodowanie znaków. Święta są już blisko."
)

DECLARED = [
    ("gb2312", "gb18030", CHINESE + "镕囍"),  # characters that Python's own gb2312 lacks
    ("GBK", "gbk", CHINESE),
    ("big5", "big5hkscs", TRADITIONAL),
    ("shift_jis", "cp932", JAPANESE + "①㈱髙"),  # NEC and IBM rows, not in Python's shift_jis
    ("euc-jp", "euc_jp", JAPANESE),
    ("iso-2022-jp", "iso2022_jp", JAPANESE),
    ("ks_c_5601-1987", "cp949", KOREAN + "똠"),  # outside KS X 1001
    ("windows-1251", "cp1251", RUSSIAN),
    ("koi8-r", "koi8_r", RUSSIAN),
    ("iso-8859-7", "iso8859_7", GREEK),
    ("iso-8859-2", "iso8859_2", POLISH),
    ("windows-1250", "cp1250", POLISH),
    ("iso-8859-1", "cp1252", "“quoted” café – naïve"),  # the label means windows-1252
    ("iso-8859-9", "cp1254", "İstanbul’da güneşli bir gün, şöyle böyle"),
    ("tis-620", "cp874", "ภาษาไทยเป็นภาษาที่มีระดับเสียงของคำแน่นอน"),
]


@pytest.mark.parametrize(("label", "codec", "text"), DECLARED)
def test_header_is_believed(label: str, codec: str, text: str) -> None:
    assert decode_text(text.encode(codec), label) == text


@pytest.mark.parametrize(("label", "codec", "text"), DECLARED)
def test_meta_is_believed_without_a_header(label: str, codec: str, text: str) -> None:
    head = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={label}"></head><body>'
    assert decode_text(head.encode() + text.encode(codec)) == head + text


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("gb18030", CHINESE),
        ("big5", TRADITIONAL),
        ("cp932", JAPANESE),
        ("euc_jp", JAPANESE),
        ("iso2022_jp", JAPANESE),
        ("euc_kr", KOREAN),
        ("cp1251", RUSSIAN),
        ("koi8_r", RUSSIAN),
        ("iso8859_7", GREEK),
        ("iso8859_2", POLISH),
        ("utf-16", RUSSIAN),  # with a byte order mark
        ("utf-16-le", "plain ASCII text in two bytes a letter"),
        ("utf-16-be", "plain ASCII text in two bytes a letter"),
    ],
)
def test_bytes_alone_are_enough(codec: str, text: str) -> None:
    assert decode_text(text.encode(codec)) == text


def test_header_wins_over_a_stale_meta() -> None:
    page = '<meta charset="gb2312"><p>' + RUSSIAN
    assert decode_text(page.encode("cp1251"), "windows-1251") == page


@pytest.mark.parametrize("header", ["iso-8859-1", "gb2312", "windows-1251", "big5", "utf-16"])
def test_utf8_beyond_chance_wins_over_any_header(header: str) -> None:
    page = '<meta charset="utf-8"><p>' + CHINESE
    assert decode_text(page.encode(), header) == page
    assert decode_text(CHINESE.encode(), header) == CHINESE


def test_a_short_text_that_happens_to_be_utf8_stays_in_its_declared_encoding() -> None:
    data = "驴".encode("gbk")
    assert data.decode("utf-8")  # valid, by accident
    assert decode_text(data, "gb2312") == "驴"


def test_header_that_contradicts_the_bytes_yields_to_meta_and_then_to_detection() -> None:
    page = '<meta charset="big5"><p>' + TRADITIONAL
    assert decode_text(page.encode("big5"), "utf-8") == page
    assert decode_text(RUSSIAN.encode("cp1251"), "utf-8") == RUSSIAN


def test_one_broken_character_does_not_change_the_encoding() -> None:
    data = (CHINESE * 3).encode()
    assert decode_text(data[:-2] + b"<" + data, "utf-8").count("\ufffd") == 1
    assert decode_text(data + b"\xff", None).startswith(CHINESE)


@pytest.mark.parametrize(("bom", "codec"), [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_BE, "utf-16-be")])
def test_byte_order_mark_wins_and_is_taken_off(bom: bytes, codec: str) -> None:
    assert decode_text(bom + CHINESE.encode(codec), "big5") == CHINESE


def test_few_accents_mean_windows_1252() -> None:
    assert decode_text("It costs £3 at the café, don’t you think?".encode("cp1252")).count("£3 at the café") == 1


def test_a_text_about_meta_tags_declares_nothing() -> None:
    text = 'Write <meta charset="gb2312"> for Chinese: é'
    assert decode_text(text.encode()) == text


def test_unknown_labels_count_as_none() -> None:
    assert encoding_of_label("no-such-charset") is None
    assert encoding_of_label(" 'GB2312' ") == "gb18030"
    assert decode_text(CHINESE.encode(), "no-such-charset") == CHINESE


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "gbk", "big5", "utf-16", "iso-2022-jp", "latin1", "?"]))
def test_anything_decodes_to_text_that_can_be_stored(data: bytes, charset: str | None) -> None:
    decode_text(data, charset).encode("utf-8")


@given(st.text(max_size=200))
def test_utf8_round_trips(text: str) -> None:
    plain = text.lstrip("\ufeff\ufffe").replace("\0", " ").replace("\x1b", " ")
    assert decode_text(plain.encode(), "utf-8") == plain


@given(st.sampled_from(sorted({codec for _, codec, _ in DECLARED})), st.binary(max_size=100))
def test_every_encoding_decodes_anything(codec: str, data: bytes) -> None:
    label = next(label for label, name, _ in DECLARED if name == codec)
    encoding = encoding_of_label(label)
    assert encoding is not None
    assert isinstance(decode_as(data, encoding), str)


def pages(folder: Path, name: str) -> list[tuple[bytes, str | None, dict[str, str]]]:
    """(body, charset of the header, gold entry) of each page of a gold set."""
    from fastwarc.warc import ArchiveIterator

    lines = (folder / f"{name}.gold.jsonl").read_text(encoding="utf-8").splitlines()
    gold = {entry["url"]: entry for entry in map(json.loads, lines)}
    found = []
    for record in ArchiveIterator(str(folder / f"{name}.warc.gz"), auto_decode="all"):
        url = record.headers.get("WARC-Target-URI")
        if record.http_headers is not None and url in gold:
            charset = re.search(r"charset=([\w-]+)", record.http_headers.get("Content-Type") or "")
            found.append((record.reader.read(), charset and charset[1], gold[url]))
    return found


def test_real_pages_in_legacy_encodings(shared_data: Path) -> None:
    """249 real pages in 9 encodings: with what they declare none is misread, by their bytes alone at most one in 50."""
    right = {"declared": 0, "header lies": 0, "bytes alone": 0}
    found = pages(shared_data / "gold", "encodings-dev")
    for body, charset, entry in found:
        truth = encoding_of_label(entry["reencoded_to"])
        assert truth is not None
        bare = re.sub(rb"""charset\s*=\s*["']?[\w-]+""", b"", body)
        for way, data, header in (
            ("declared", body, charset),
            ("header lies", body, "utf-8"),
            ("bytes alone", bare, None),
        ):
            right[way] += decode_as(data, find_encoding(data, header)) == decode_as(data, truth)
    assert right["declared"] == len(found) == 249
    assert right["header lies"] == 249
    assert right["bytes alone"] >= 244


def test_pages_that_were_converted_without_their_meta_are_read_as_utf8(shared_data: Path) -> None:
    stale = 0
    for body, charset, _ in pages(shared_data / "gold", "small-dev"):
        if charset and charset.lower() == "utf-8" and re.search(rb"charset=.?(gb|iso|euc|big5)", body[:4096]):
            stale += 1
            assert decode_text(body, charset) == body.decode("utf-8-sig", "replace")
    assert stale
