"""Pages that their URL condemns: by domain, by URL, by words in three tiers. It runs before anything dear.

Domain lists are looked up label by label, so `a.b.example.com` is found under `example.com` but `notexample.com` is
not. Word tiers are RefinedWeb's (arXiv 2306.01116, appendix G.1): strict ones anywhere after `-` and `.` are taken
out, hard ones as whole words, soft ones when two different ones occur. Lists are files in UT1's format: plain lines,
or a folder of categories with `domains` and `urls` files; local or any fsspec URL.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from curate.errors import RecipeError
from curate.rule import Rule
from curate.sources.files import open_stored, open_system
from curate.stage import stage

OURS = "default"
_WORD = re.compile(r"[a-z0-9]+")


class Scores(NamedTuple):
    """What is known of one URL; null for a record without one."""

    domain_listed: int | None = None
    url_listed: int | None = None
    strict_words: int | None = None
    hard_words: int | None = None
    soft_words: int | None = None


def check(*, domains: tuple[str, ...], urls: tuple[str, ...], words: str) -> None:
    """Every list must be readable."""
    for path in domains:
        _listed_domains((path,))
    for path in urls:
        _listed_urls((path,))
    _words(words)


@stage(
    needs=["url"],
    adds={f"url_{name}": pa.int32() for name in Scores._fields},
    rules=[
        Rule("url_domain_listed", "blocked_domain", max=0),
        Rule("url_url_listed", "blocked_url", max=0),
        Rule("url_strict_words", "strict_url_word", max=0),
        Rule("url_hard_words", "hard_url_word", max=0),
        Rule("url_soft_words", "soft_url_words", max=1),
    ],
    check=check,
)
def urls(
    url: pa.StringArray,
    *,
    domains: tuple[str, ...] = (OURS,),
    urls: tuple[str, ...] = (),
    words: str = OURS,
) -> dict[str, pa.Array]:
    """domains, urls: list files or folders, "default" for our own short one; words: a TOML file of the three tiers."""
    listed_domains, listed_urls, tiers = _listed_domains(domains), _listed_urls(urls), _words(words)
    scores = [
        Scores() if value is None else score_url(value, listed_domains, listed_urls, tiers) for value in url.to_pylist()
    ]
    columns = zip(*scores, strict=True) if scores else ((),) * len(Scores._fields)
    return {f"url_{name}": pa.array(column, pa.int32()) for name, column in zip(Scores._fields, columns, strict=True)}


class Tiers(NamedTuple):
    """URL words by how much one of them says."""

    strict: tuple[str, ...]
    hard: frozenset[str]
    soft: frozenset[str]


def score_url(url: str, domains: frozenset[str], listed: frozenset[str], tiers: Tiers) -> Scores:
    """Scores of one URL; a malformed one is looked at as far as it can be read."""
    lowered = unquote(url).lower()
    squeezed = lowered.replace("-", "").replace(".", "")
    found = set(_WORD.findall(lowered))
    return Scores(
        int(any(suffix in domains for suffix in suffixes(host_of(url)))),
        int(bool(listed) and bare_url(url) in listed),
        sum(word in squeezed for word in tiers.strict),
        len(found & tiers.hard),
        len(found & tiers.soft),
    )


def host_of(url: str) -> str:
    """Lower-case ASCII host without port, user, `www.` and trailing dot; "" where there is none."""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        return ""
    return host.rstrip(".").removeprefix("www.")


def suffixes(host: str) -> Iterator[str]:
    """`a.b.c` → `a.b.c`, `b.c`, `c`."""
    while host:
        yield host
        _, _, host = host.partition(".")


def bare_url(url: str) -> str:
    """A URL as UT1 lists it: host and path, without scheme, `www.`, query and trailing slash."""
    try:
        path = urlsplit(url if "//" in url else f"//{url}").path
    except ValueError:
        return ""
    return (host_of(url) + path).rstrip("/")


@cache
def _listed_domains(paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(host_of(line) or line for path in paths for line in _lines(path, "domains"))


@cache
def _listed_urls(paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(bare_url(line) for path in paths for line in _lines(path, "urls"))


def _lines(path: str, kind: str) -> Iterator[str]:
    """Entries of a list file, or of all files named `kind` below a folder."""
    if path == OURS:
        text = resources.files("curate.stages").joinpath("lists/domains.txt").read_text(encoding="utf-8")
        yield from _entries(text)
        return
    for name in _files(path, kind):
        try:
            with open_stored(name) as stored:
                yield from _entries(stored.read().decode("utf-8", "replace"))
        except OSError as error:
            raise RecipeError(f"urls.{kind}: cannot read the list {path!r}: {error.strerror or error}") from error


def _files(path: str, kind: str) -> list[str]:
    system, root = open_system(path)
    if not system.exists(root):
        raise RecipeError(f"urls.{kind}: there is no list {path!r}")
    if not system.isdir(root):
        return [path]
    found = sorted(name for name in system.find(root) if name.rpartition("/")[2] == kind)
    if not found:
        raise RecipeError(f"urls.{kind}: no file named {kind!r} below the folder {path!r}")
    return [name if "file" in system.protocol else system.unstrip_protocol(name) for name in found]


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        entry = line.partition("#")[0].strip().lower()
        if entry:
            yield entry


@cache
def _words(path: str) -> Tiers:
    if path == OURS:
        text = resources.files("curate.stages").joinpath("lists/words.toml").read_text(encoding="utf-8")
    else:
        try:
            with open_stored(path) as stored:
                text = stored.read().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"urls.words: cannot read {path!r}: {error}") from error
    try:
        table = tomllib.loads(text)
        return Tiers(tuple(table["strict"]), frozenset(table["hard"]), frozenset(table["soft"]))
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise RecipeError(f"urls.words: {path!r} needs the lists strict, hard and soft: {error}") from error
