"""A small crawl made from nothing: pages in English and Chinese with the faults that real crawls have.

Deterministic. It holds exact and near duplicates, a blocked URL, short, repetitive and foreign pages, HTTP errors,
broken records, a bad JSON line and a file of a format that is not read.
"""

import gzip
import json
import random
from pathlib import Path

ENGLISH = {
    "noun": (
        "river engineer committee neighbour library student report reader village machine coast brother museum company "
        "bridge harbour music weather experiment story price tool scholar garden language history road winter friend "
        "law century letter answer window teacher market forest train island doctor paper kitchen summer question door"
    ),
    "adjective": (
        "young old careful northern small early common bright quiet heavy open famous distant simple strange modern "
        "golden narrow honest empty broad gentle local rapid clever ancient broken silver wooden private"
    ),
    "verb": (
        "changed described followed explained carried replaced supported remembered discovered left joined learned "
        "built sold opened watched repaired painted measured collected crossed studied visited reached"
    ),
}
CHINESE = {
    "noun": (
        "城市 工程师 小组 邻居 图书馆 学生 报告 读者 市场 海岸 历史 方法 桥梁 "
        "港口 音乐 天气 实验 故事 价格 工作 花园 语言 问题 道路 冬天 朋友 "
        "法律 世纪 老师 医生 森林 火车 岛屿 厨房 夏天 窗户 山谷 报纸 公司 机器"
    ),
    "adjective": (
        "年轻 古老 细心 北方 微小 早期 普通 明亮 安静 沉重 开放 著名 "
        "遥远 简单 奇怪 现代 金色 狭窄 诚实 空旷 温和 本地 快速 聪明"
    ),
    "verb": (
        "改变 描述 跟随 解释 保存 代替 支持 记得 发现 离开 参加 学习 "
        "建造 出售 打开 观察 修理 测量 收集 穿过 研究 访问 到达 介绍"
    ),
}
GERMAN = "Der Fluss fließt seit langer Zeit durch die Stadt und die Menschen wohnen gern hier. "
AGAIN = "\n\n".join(["The same line again and again."] * 60)


def sentences(seed: int, count: int, language: str = "en") -> list[str]:
    """`count` sentences that a language detector takes for real ones and that hardly repeat each other."""
    chooser = random.Random(f"{language} {seed}")
    words = {key: value.split() for key, value in (ENGLISH if language == "en" else CHINESE).items()}
    made = []
    for _ in range(count):
        a, b, c, d = (chooser.choice(words["noun"]) for _ in range(4))
        p, q = (chooser.choice(words["adjective"]) for _ in range(2))
        v, w = (chooser.choice(words["verb"]) for _ in range(2))
        number = chooser.randrange(100, 2000)
        if language == "en":
            link = chooser.choice(["and", "while it", "because it", "but", "so it", "when it", "or", "before it"])
            made.append(f"The {p} {a} {v} the {b} of {q} {c}s {link} {w} {number} {d}s with care.")
        else:
            made.append(f"{p}的{a}{v}了{q}的{b}，和{c}一起{w}了{d}，这是第{number}页的说明。")
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
