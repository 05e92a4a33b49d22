"""Pages that their URL condemns: by domain, by URL, by words in three tiers. It runs before anything dear.

Domain lists are looked up label by label and the worst level wins, so `a.b.example.com` is found under `example.com`
but `notexample.com` is not. Word tiers are RefinedWeb's (arXiv 2306.01116, appendix G.1): strict ones anywhere after
`-` and `.` are taken out, hard ones as whole words, soft ones when two different ones occur. The formats of the lists
are in url_lists.py; ours are short, and a recipe names others beside them.

Cost: about 15 µs a URL, whatever the length of the lists.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.recipe import RecipePath
from curate.rule import Rule
from curate.stage import stage
from curate.stages.url_lists import OURS, Listed, Tiers, hash_keys, load_domains, load_urls, load_words
from curate.stages.url_parts import domain_key, host_of, suffixes, url_key, words_of


def check(*, domains: tuple[str, ...], urls: tuple[str, ...], words: str, allowed: tuple[str, ...]) -> list[str]:
    """Every list must be readable; returns what tells their contents from any others. Files are read anew."""
    for load in (load_domains, load_urls, load_words):
        load.cache_clear()
    return [load_domains(domains).fingerprint, load_urls(urls).fingerprint, load_words(words).fingerprint]


@stage(
    needs=["url"],
    adds={
        "url_domain_level": pa.int32(),
        "url_category": pa.string(),
        "url_listed": pa.int32(),
        "url_strict_words": pa.int32(),
        "url_hard_words": pa.int32(),
        "url_soft_words": pa.int32(),
    },
    rules=[
        Rule("url_domain_level", "blocked_domain", max=0),
        Rule("url_listed", "blocked_url", max=0),
        Rule("url_strict_words", "strict_url_word", max=0),
        Rule("url_hard_words", "hard_url_word", max=0),
        Rule("url_soft_words", "soft_url_words", max=1),
    ],
    check=check,
)
def urls(
    url: pa.StringArray,
    *,
    domains: tuple[RecipePath, ...] = (OURS,),
    urls: tuple[RecipePath, ...] = (),
    words: RecipePath = OURS,
    allowed: tuple[str, ...] = (),
) -> dict[str, pa.Array]:
    """Scores are null for a record without URL, which no rule decides about.

    domains, urls: list files or folders, "default" for our own short ones. words: a TOML file of the three tiers.
    allowed: domains that no list and no word condemns, with all below them.
    """
    listed_domains, listed_urls, tiers = load_domains(domains), load_urls(urls), load_words(words)
    places = url.to_pylist()
    hosts = ["" if place is None else host_of(place) for place in places]
    free = frozenset(map(domain_key, allowed))
    exempt = np.array([not free.isdisjoint(suffixes(host)) for host in hosts], np.bool_)
    levels, categories = worst_levels(hosts, listed_domains)
    scores = np.column_stack([levels, find_urls(places, listed_urls), count_words(places, tiers)])
    scores[exempt] = 0
    unknown = np.array([place is None for place in places], np.bool_)
    names = ("url_domain_level", "url_listed", "url_strict_words", "url_hard_words", "url_soft_words")
    added = {name: pa.array(scores[:, column], mask=unknown) for column, name in enumerate(names)}
    categories[exempt] = None
    return added | {"url_category": pa.array(categories, pa.string())}


def worst_levels(hosts: Sequence[str], listed: Listed) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.object_]]:
    """(int32[n] levels, 0 for a host without a listed suffix; object[n] categories of the entries that gave them)."""
    found = [(row, suffix) for row, host in enumerate(hosts) for suffix in suffixes(host)]
    rows = np.array([row for row, _ in found], np.int64)
    places = listed.find(hash_keys([suffix for _, suffix in found]))
    levels = np.zeros(len(hosts), np.int32)
    categories = np.full(len(hosts), None, np.object_)
    for hit in np.flatnonzero(places >= 0):
        row, place = rows[hit], places[hit]
        if listed.levels[place] > levels[row]:
            levels[row] = listed.levels[place]
            categories[row] = listed.names[listed.categories[place]]
    return levels, categories


def find_urls(places: Sequence[str | None], listed: Listed) -> npt.NDArray[np.int32]:
    """int32[n]: 1 for a URL that is listed, with its query or without."""
    if not len(listed.keys):
        return np.zeros(len(places), np.int32)
    keys = [url_key(place) if place else "" for place in places]
    bare = [key.partition("?")[0].rstrip("/") for key in keys]
    return ((listed.find(hash_keys(keys)) >= 0) | (listed.find(hash_keys(bare)) >= 0)).astype(np.int32)


def count_words(places: Sequence[str | None], tiers: Tiers) -> npt.NDArray[np.int32]:
    """int32[n, 3]: how many different strict, hard and soft words each URL has."""
    counts = np.zeros((len(places), 3), np.int32)
    for row, place in enumerate(places):
        if place:
            squeezed, found = words_of(place)
            strict = sum(word in squeezed for word in tiers.strict)
            counts[row] = strict, len(found & tiers.hard), len(found & tiers.soft)
    return counts
