"""The stage `urls`: what is looked up, what is counted, which reason is given, and which lists are read."""

import tarfile
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import RecipeError
from curate.rule import decide
from curate.stages.url_lists import load_domains, load_urls, load_words
from curate.stages.url_parts import host_of, url_key
from curate.stages.urls import urls

DEFAULTS: dict[str, Any] = {"domains": ("default",), "urls": (), "words": "default", "allowed": ()}
WORDS = 'strict = ["freeporn"]\nhard = ["porn"]\nsoft = ["sex", "hot", "cheap"]\n'


def reasons(*places: str | None, **parameters: Any) -> list[str | None]:
    """The reason that each URL is dropped for, None for those that stay."""
    columns = urls(pa.array(places, pa.string()), **parameters)
    assert {name: values.type for name, values in columns.items()} == dict(urls.adds)
    rules = urls.rules_for({**DEFAULTS, **parameters})
    verdicts = decide(rules, columns, len(places))
    return [None if rule < 0 else rules[rule].reason for rule in verdicts.rule]


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def words(tmp_path: Path) -> str:
    return write(tmp_path / "words.toml", WORDS)


def test_domains_are_found_label_by_label(tmp_path: Path, words: str) -> None:
    listed = write(tmp_path / "bad.txt", "# ours\n\nExample.com\nwww.tracker.example.org\n192.0.2.7\nmünchen.example\n")
    blocked = [
        "http://example.com/", "https://WWW.EXAMPLE.COM./page", "http://a.b.example.com:8080/x",
        "http://user:secret@example.com", "//example.com/x", "example.com", "http://tracker.example.org/?q=1",
        "http://192.0.2.7/", "http://xn--mnchen-3ya.example/", "http://sub.münchen.example/",
        "http://MÜNCHEN.example", "http://example%2ecom/", " http://example.com/ ",
    ]  # fmt: skip
    free = [
        "http://notexample.com/", "http://example.com.org/", "http://example.org/", "http://other.org/?u=example.com",
        "http://1.192.0.2.7/", "http://2.7/", "http://com/", "http://user@other.org/example.com",
    ]  # fmt: skip
    assert reasons(*blocked, domains=(listed,), words=words) == ["blocked_domain"] * len(blocked)
    assert reasons(*free, domains=(listed,), words=words) == [None] * len(free)


def test_the_worst_level_wins(tmp_path: Path) -> None:
    mild = write(
        tmp_path / "mild.txt", "example.com\nbad.example.com 2\nworst.bad.example.com 1\nknown.example.com 0\n"
    )
    strict = write(tmp_path / "strict.txt", "example.com 3\nother.org 1\n")
    places = pa.array(
        [f"http://{host}/" for host in ("x.example.com", "worst.bad.example.com", "other.org", "free.org")]
    )
    found = urls(places, domains=(mild,))
    assert found["url_domain_level"].to_pylist() == [1, 2, 0, 0]
    assert found["url_category"].to_pylist() == ["mild", "mild", None, None]
    for order in ((mild, strict), (strict, mild)):
        found = urls(places, domains=order)
        assert found["url_domain_level"].to_pylist() == [3, 3, 1, 0]
        assert found["url_category"].to_pylist() == ["strict", "strict", "strict", None]


LABELS = st.sampled_from(["a", "b", "www", "co", "example"])
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@given(st.lists(HOSTS, max_size=5), st.lists(HOSTS, min_size=1, max_size=5))
def test_lookup_equals_comparing_endings(listed: list[str], hosts: list[str]) -> None:
    path = "memory://lists/drawn.txt"
    with fsspec.open(path, "w") as file:
        file.write("\n".join(listed))
    load_domains.cache_clear()
    found = urls(pa.array([f"http://{host}/" for host in hosts]), domains=(path,))["url_domain_level"].to_pylist()
    entries = [entry.removeprefix("www.") for entry in listed]
    assert found == [
        int(any(f".{host.removeprefix('www.')}".endswith(f".{entry}") for entry in entries)) for host in hosts
    ]


def test_words_in_three_tiers(words: str) -> None:
    expected = {
        "http://x.org/free-porn.html": "strict_url_word",
        "http://x.org/fr.ee-po.rntube": "strict_url_word",
        "http://myfreeporn.org/": "strict_url_word",
        "http://x.org/a/PORN/b": "hard_url_word",
        "http://x.org/%70orn": "hard_url_word",
        "http://x.org/popcorn": None,
        "http://x.org/pornography-research": None,
        "http://x.org/hot_sex": "soft_url_words",
        "http://cheap.org/?q=hot": "soft_url_words",
        "http://x.org/hot/hot/hot": None,
        "http://essex.org/hotel-cheapside": None,
    }
    assert dict(zip(expected, reasons(*expected, words=words), strict=True)) == expected
    counts = urls(pa.array(["http://x.org/sex-hot-cheap-porn"]), words=words)
    assert [counts[f"url_{tier}_words"][0].as_py() for tier in ("strict", "hard", "soft")] == [0, 1, 3]


def test_urls_are_compared_whole(tmp_path: Path) -> None:
    listed = write(
        tmp_path / "urls.txt",
        "http://www.example.com/Bad/Page.html\nexample.org/forum.php?id=3\nexample.net/~user/\nhome.example/#top\n",
    )
    blocked = [
        "https://example.com/bad/page.html", "http://WWW.example.com:80/Bad/Page.html?utm_source=x#part",
        "http://example.org/forum.php?id=3", "http://example.net/%7Euser", "http://home.example/", "http://home.example",
    ]  # fmt: skip
    free = [
        "http://example.com/", "http://example.com/bad/page.html2", "http://example.com/bad", "http://home.example/x",
        "http://example.org/forum.php", "http://example.org/forum.php?id=4", "http://sub.example.net/~user/",
    ]  # fmt: skip
    assert reasons(*blocked, urls=(listed,)) == ["blocked_url"] * len(blocked)
    assert reasons(*free, urls=(listed,)) == [None] * len(free)


def test_a_record_without_url_is_not_decided() -> None:
    columns = urls(pa.array([None, "http://pornhub.com/"], pa.string()))
    assert all(values[0].as_py() is None for values in columns.values())
    verdicts = decide(urls.rules_for(DEFAULTS), columns, 2)
    assert list(verdicts.rule) == [-1, 0]
    assert set(verdicts.not_applicable.values()) == {1}


def test_allowed_domains_are_condemned_by_nothing(words: str) -> None:
    places = ["http://pornhub.com/free-porn", "http://a.pornhub.com/", "http://xvideos.com/", "http://porn.org/"]
    assert reasons(*places, words=words, allowed=("PornHub.com",)) == [None, None, "blocked_domain", "hard_url_word"]
    column = urls(pa.array(places), words=words, allowed=("pornhub.com",))["url_category"]
    assert column.to_pylist() == [None, None, "adult", None]


@given(st.lists(st.none() | st.text(max_size=60) | st.from_regex(r"https?://[^ ]{0,40}"), max_size=6))
def test_no_url_raises_and_none_depends_on_its_neighbours(places: list[str | None]) -> None:
    together = urls(pa.array(places, pa.string()))
    for number, place in enumerate(places):
        alone = urls(pa.array([place], pa.string()))
        assert {name: values[0] for name, values in alone.items()} == {
            name: values[number] for name, values in together.items()
        }


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://a..b/", "http://\u2100.com/", "http://" + "a" * 300 + "ü.de", "://", "http:", "?", "ü..de"],
)
def test_malformed_urls_are_read_as_far_as_they_go(url: str) -> None:
    assert isinstance(host_of(url) + url_key(url), str)
    assert reasons(url) == [None]


def test_angle_brackets_around_an_address_are_no_part_of_it() -> None:
    assert host_of("<https://www.a.example/b>") == "a.example"
    assert url_key(" <https://a.example/b> ") == "a.example/b"
    assert host_of("<a.example") == "<a.example"


def test_folders_have_a_file_per_category(tmp_path: Path) -> None:
    write(tmp_path / "ut1" / "gambling" / "domains", "luck.example\n")
    write(tmp_path / "ut1" / "gambling" / "urls", "mixed.example/luck\n")
    write(tmp_path / "ut1" / "press" / "domains", "news.example\n")
    write(tmp_path / "ut1" / "press" / "usage", "white\n")
    folder = str(tmp_path / "ut1")
    places = ["http://luck.example/", "http://mixed.example/luck", "http://news.example/", "http://white/"]
    assert reasons(*places, domains=(folder,), urls=(folder,)) == [
        "blocked_domain",
        "blocked_url",
        "blocked_domain",
        None,
    ]
    found = urls(pa.array(places), domains=(folder, "default"))["url_category"].to_pylist()
    assert found == ["gambling", None, "press", None]
    one = urls(pa.array(places), domains=(f"{folder}/gambling",))["url_category"].to_pylist()
    assert one == ["gambling", None, None, None]


def test_lists_are_read_from_any_store() -> None:
    with fsspec.open("memory://ut1/gambling/domains", "w") as file:
        file.write("luck.example\n")
    assert reasons("http://luck.example/", domains=("memory://ut1",)) == ["blocked_domain"]


def test_lists_that_cannot_be_read_are_recipe_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bad_level = write(tmp_path / "hosts.txt", "# a hosts file\n0.0.0.0 example.com\n")
    not_words = write(tmp_path / "few.toml", 'strict = ["a"]\n')
    not_strings = write(tmp_path / "numbers.toml", "strict = [1]\nhard = []\nsoft = []\n")
    broken = write(tmp_path / "broken.toml", "strict = [\n")
    assert urls.check is not None
    for parameters, why in (
        ({"domains": (str(tmp_path / "missing.txt"),)}, "urls.domains: there is no list .*missing.txt"),
        ({"urls": (str(tmp_path / "missing"),)}, "urls.urls: there is no list"),
        ({"domains": (str(tmp_path / "empty"),)}, "no file named 'domains' below the folder"),
        ({"domains": (bad_level,)}, "line 2: 'example.com' is no level"),
        ({"domains": ("nosuchstore://x/y",)}, "cannot open .*nosuchstore"),
        ({"words": str(tmp_path / "missing.toml")}, "urls.words: cannot read .*No such file"),
        ({"words": not_words}, "must hold the lists strict, hard and soft"),
        ({"words": not_strings}, "1 is not a word"),
        ({"words": broken}, "must hold the lists"),
    ):
        with pytest.raises(RecipeError, match=why):
            urls.check(**{**DEFAULTS, **parameters})
    urls.check(**DEFAULTS)


def test_our_own_lists_spare_what_only_sounds_bad() -> None:
    innocent = [
        "https://en.wikipedia.org/wiki/Casino", "https://www.essex.ac.uk/", "https://scunthorpe.gov.uk/news",
        "http://www.therapistfinder.com/", "https://www.ford.co.uk/escort", "https://news.example/casino-royale-review",
        "http://penisland.net/", "https://www.expertsexchange.com/", "https://cancer.example/sex-education/teens",
        "https://github.com/org/hot-reload", "https://www.nytimes.com/2020/01/01/health/pills.html",
    ]  # fmt: skip
    assert reasons(*innocent) == [None] * len(innocent)
    assert reasons("http://best-online-casino.example/", "https://cdn.doubleclick.net/x", "http://bet365.com") == [
        "strict_url_word", "blocked_domain", "blocked_domain",
    ]  # fmt: skip
    assert set(load_domains(("default",)).names) == {"adult", "gambling", "adware", "trackers"}
    assert len(load_urls(("default",)).keys) == 0
    assert len(load_words("default").strict) > 10


def test_lists_of_the_field_load_whole(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "lists" / "lists.tar.xz") as archive:
        wanted = [item for item in archive.getmembers() if item.name.endswith(("gambling/domains", "phishing/urls"))]
        archive.extractall(tmp_path, wanted, filter="data")
    folder = str(tmp_path / "blocklist_ut1" / "blacklists")
    domains = (tmp_path / "blocklist_ut1/blacklists/gambling/domains").read_text(encoding="utf-8").split()
    pages = (tmp_path / "blocklist_ut1/blacklists/phishing/urls").read_text(encoding="utf-8").split("\n")
    sample = [f"https://deep.below.{domain}/x" for domain in domains[::50]]
    found = urls(pa.array(sample), domains=(folder,))
    assert min(found["url_domain_level"].to_pylist()) == 1
    assert set(found["url_category"].to_pylist()) == {"gambling"}
    pages = [f"http://{page}" for page in pages[::50] if page.strip()]
    assert min(urls(pa.array(pages), urls=(folder,))["url_listed"].to_pylist()) == 1
    assert len(load_domains((folder,)).keys) > 30_000
