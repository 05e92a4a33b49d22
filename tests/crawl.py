"""A small crawl made from nothing: pages in English and Chinese with the faults that real crawls have.

Deterministic. It holds exact and near duplicates, a blocked URL, short, repetitive and foreign pages, HTTP errors,
broken records, a bad JSON line and a file of a format that is not read.
"""

import gzip
import json
import random
from pathlib import Path

ENGLISH = {
    "subject": [
        "the river",
        "a young engineer",
        "the committee",
        "our neighbour",
        "the old library",
        "every student",
        "the report",
        "a careful reader",
        "the village market",
        "this machine",
        "the northern coast",
        "her brother",
        "the museum",
        "a small company",
    ],
    "verb": [
        "has changed",
        "describes",
        "was built near",
        "often follows",
        "could not explain",
        "carries",
        "depends on",
        "will replace",
        "supports",
        "remembers",
        "discovered",
        "moved away from",
        "has to compete with",
        "learned about",
    ],
    "object": [
        "the early years of trade",
        "a method that nobody expected",
        "the bridge and the harbour",
        "many forms of music",
        "the weather in spring",
        "an experiment with light",
        "stories of the sea",
        "the price of bread and salt",
        "better tools",
        "the work of earlier scholars",
        "a garden behind the house",
        "questions about language",
        "the history of the town",
    ],
    "tail": [
        "because the roads were open",
        "when winter came",
        "and this was not a surprise",
        "with the help of friends",
        "before the new law was passed",
        "that have been forgotten since",
        "in the middle of the century",
        "to the benefit of all",
        "as the letters show",
        "while others waited for a reply",
    ],
}
CHINESE = {
    "subject": [
        "这座城市",
        "年轻的工程师",
        "研究小组",
        "我们的邻居",
        "古老的图书馆",
        "每一位学生",
        "这份报告",
        "细心的读者",
        "村里的市场",
        "北方的海岸",
    ],
    "verb": [
        "改变了",
        "描述了",
        "建在",
        "常常影响",
        "无法解释",
        "保存着",
        "取决于",
        "将要代替",
        "支持",
        "发现了",
        "离开了",
        "学习了",
    ],
    "object": [
        "早期贸易的历史",
        "没有人想到的方法",
        "桥梁和港口",
        "多种形式的音乐",
        "春天的天气",
        "关于光的实验",
        "大海的故事",
        "粮食和盐的价格",
        "前人的工作",
        "房子后面的花园",
        "关于语言的问题",
    ],
    "tail": [
        "因为道路已经开通",
        "冬天来到的时候",
        "这并不让人意外",
        "在朋友的帮助之下",
        "在新的法律通过以前",
        "后来被人们忘记了",
        "在上个世纪中叶",
        "对大家都有好处",
    ],
}

GERMAN = "Der Fluss fließt seit langer Zeit durch die Stadt und die Menschen wohnen gern hier. "
AGAIN = "\n\n".join(["The same line again and again."] * 60)


def sentences(seed: int, count: int, language: str = "en") -> list[str]:
    """`count` sentences that a language detector takes for real ones."""
    chooser = random.Random(f"{language} {seed}")
    words = ENGLISH if language == "en" else CHINESE
    made = []
    for _ in range(count):
        subject, verb, thing, tail = (chooser.choice(words[key]) for key in ("subject", "verb", "object", "tail"))
        if language == "en":
            number = chooser.randrange(100, 2000)
            made.append(f"{subject[0].upper()}{subject[1:]} {verb} {thing} {tail}, as page {number} of the book says.")
        else:
            made.append(f"{subject}{verb}{thing},{tail},见第{chooser.randrange(100, 2000)}页的说明。")
    return made


def article(seed: int, language: str = "en", count: int = 24) -> str:
    """Paragraphs of four sentences."""
    lines = sentences(seed, count, language)
    joiner = " " if language == "en" else ""
    return "\n\n".join(joiner.join(lines[start : start + 4]) for start in range(0, count, 4))


def page(text: str, title: str, language: str = "en") -> bytes:
    """An HTML page with navigation around the text."""
    body = "\n".join(f"<p>{paragraph}</p>" for paragraph in text.split("\n\n"))
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f'<nav><a href="/">Home</a> <a href="/about">About</a></nav><article><h1>{title}</h1>\n{body}\n</article>'
        "<footer>Imprint</footer></body></html>"
    ).encode()


def pages() -> list[tuple[str, str, bytes, str]]:
    """(url, date, payload, HTTP status line) of every WARC response."""
    made = []
    for n in range(30):
        language = "zh" if n % 3 == 0 else "en"
        text = article(n, language)
        made.append((f"http://site{n % 5}.example/{language}/{n}.html", n, page(text, f"Page {n}", language), "200 OK"))
    exact = page(article(1), "Page 1")
    near = page(article(2).replace("page", "leaf", 1), "Page 2 again")
    made += [
        ("http://mirror.example/1.html", 40, exact, "200 OK"),
        ("http://mirror.example/2.html", 41, near, "200 OK"),
        ("http://site0.example/short.html", 42, page("Too short to be of use to anyone.", "Short"), "200 OK"),
        (
            "http://site1.example/again.html",
            43,
            page(AGAIN, "Again"),
            "200 OK",
        ),
        ("http://site2.example/gone.html", 44, page("Not found.", "Gone"), "404 Not Found"),
        ("http://casino-xxx-porn.example/free-porn-videos", 45, page(article(77), "Offer"), "200 OK"),
        ("http://site3.example/empty.html", 46, b"", "200 OK"),
        (
            "http://site4.example/german.html",
            47,
            page(
                "Der Fluss fließt seit langer Zeit durch die Stadt und die Menschen wohnen gern hier. " * 12,
                "Fluss",
                "de",
            ),
            "200 OK",
        ),
    ]
    return [(url, f"2024-05-{1 + day % 28:02d}T00:00:00Z", payload, status) for url, day, payload, status in made]


def warc_record(kind: str, number: int, headers: dict[str, str], block: bytes) -> bytes:
    """One record as it is stored, uncompressed."""
    head = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:00000000-0000-0000-0000-{number:012d}>",
        **headers,
        "Content-Length": str(len(block)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"WARC/1.0\r\n{lines}\r\n".encode() + block + b"\r\n\r\n"


def warc_bytes(compressed: bool = True) -> bytes:
    """All pages as one WARC file, a record after another, with a warcinfo record and a picture among them."""
    entries = [(url, date, payload, status, "text/html; charset=utf-8") for url, date, payload, status in pages()]
    entries.append(("http://site0.example/logo.png", "2024-05-01T00:00:00Z", b"\x89PNG\r\n", "200 OK", "image/png"))
    records = [warc_record("warcinfo", 0, {"Content-Type": "application/warc-fields"}, b"software: a test\r\n")]
    for number, (url, date, payload, status, kind) in enumerate(entries, 1):
        headers = {"WARC-Target-URI": url, "WARC-Date": date, "Content-Type": "application/http; msgtype=response"}
        http = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
        records.append(warc_record("response", number, headers, http + payload))
    return b"".join(gzip.compress(record, mtime=0) if compressed else record for record in records)


def write_crawl(folder: Path) -> Path:
    """Write the whole crawl below `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crawl.warc.gz").write_bytes(warc_bytes())
    (folder / "cut.warc.gz").write_bytes(warc_bytes()[:9000])
    html = folder / "html"
    html.mkdir(exist_ok=True)
    for n in range(100, 106):
        (html / f"{n}.html").write_bytes(page(article(n), f"Page {n}"))
    (html / "packed.html.gz").write_bytes(gzip.compress(page(article(3), "Page 3"), mtime=0))
    lines = [
        json.dumps({"text": article(n, "zh" if n % 2 else "en"), "url": f"http://j.example/{n}"})
        for n in range(200, 212)
    ]
    lines.insert(5, '{"text": "cut off in the')
    lines.insert(8, '{"body": "no text here"}')
    (folder / "docs.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "notes.txt").write_text(article(300), encoding="utf-8")
    (folder / "archive.warc.lz4").write_bytes(b"\x04\x22\x4d\x18 not read")
    return folder
