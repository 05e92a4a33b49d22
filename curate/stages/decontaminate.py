"""Documents that hold a benchmark's questions, by weighted n-gram overlap, with evidence of which and where.

After allenai/decon, which Dolma 3 uses (arXiv 2512.13961): what counts is how much of a question stands in one stretch
of the text, rare n-grams more than common ones, and whether its answer and passage stand beside it; the score and what
differs from decon is explained in `curate.held_out.overlap`. Edited questions are found as far as enough n-grams of
them are left; translated and reworded ones are not. Reading the benchmarks is part of the start of each worker; what
they hold counts: a run notices when it changes. `ngram = 13` is what GPT-3 went by (arXiv 2005.14165, appendix C).

Cost: 6 ns a byte of text; memory in `curate.held_out.index`.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa

from curate.errors import RecipeError
from curate.held_out.entries import Fields, read_entries
from curate.held_out.index import Benchmarks, build
from curate.held_out.overlap import Found, search
from curate.recipe import RecipePath
from curate.rule import Mask, Rule
from curate.stage import stage
from curate.text.scan import Int64s, pieces

PASSAGE_CHARS = 200
QUESTION = ("question", "prompt", "problem", "query", "text")
ANSWER = ("answer", "target", "solution", "output")
PASSAGE = ("passage", "context")


@cache
def _load(paths: tuple[str, ...], fields: Fields, ngram: int, min_words: int) -> Benchmarks:
    return build(read_entries(paths, fields), ngram, min_words)


def check(
    *,
    benchmarks: tuple[str, ...],
    question: tuple[str, ...],
    answer: tuple[str, ...],
    passage: tuple[str, ...],
    ngram: int,
    min_words: int,
) -> str:
    """Every file must be readable and hold questions; returns what tells them from any others. Files are read anew."""
    if ngram < 1:
        raise RecipeError(f"decontaminate: ngram must be at least 1, not {ngram}")
    _load.cache_clear()
    loaded = _load(benchmarks, Fields(question, answer, passage), ngram, min_words)
    if not loaded.sources:
        raise RecipeError(
            f"decontaminate.benchmarks: no question of {ngram} words and more in {', '.join(benchmarks) or 'no file'}; "
            f"questions are looked for in {', '.join(question)}"
        )
    return loaded.fingerprint


@stage(
    needs=["text"],
    adds={
        "contamination_score": pa.float32(),
        "contamination_source": pa.string(),
        "contamination_start": pa.int32(),
        "contamination_stop": pa.int32(),
        "contamination_passage": pa.string(),
    },
    rules=[Rule("contamination_score", "contaminated", max=0.8)],
    check=check,
)
def decontaminate(
    text: pa.StringArray,
    *,
    benchmarks: tuple[RecipePath, ...],
    question: tuple[str, ...] = QUESTION,
    answer: tuple[str, ...] = ANSWER,
    passage: tuple[str, ...] = PASSAGE,
    ngram: int = 5,
    min_words: int = 12,
) -> dict[str, pa.Array]:
    """The entry that a text has most of: its score, 0 to 1, and what shows it, null where the score is 0.

    `contamination_source`: file and line; `_start`, `_stop`: characters of the text that the question covers;
    `_passage`: the first 200 of them.

    benchmarks: files, folders or globs, of JSON lines, Parquet or text, a question a line. question, answer, passage:
    names of fields, the first that an entry has counts. ngram: words in an n-gram. min_words: entries with fewer words
    in all are left out, as are questions of fewer than `ngram`.
    """
    loaded = _load(benchmarks, Fields(question, answer, passage), ngram, min_words)
    parts = [search(piece, loaded.table, ngram) for piece in pieces(text)]
    found = Found(*(np.concatenate([*(part[at] for part in parts), []]) for at in range(4)))
    clean = found.entries < 0
    entries, starts, stops = (values.astype(np.int64) for values in found[1:])
    return {
        "contamination_score": pa.array(found.scores.astype(np.float32)),
        "contamination_source": pa.array(
            [loaded.sources[entry] if entry >= 0 else None for entry in entries], pa.string()
        ),
        "contamination_start": pa.array(starts, pa.int32(), mask=clean),
        "contamination_stop": pa.array(stops, pa.int32(), mask=clean),
        "contamination_passage": pa.array(list(_passages(text, clean, starts, stops)), pa.string()),
    }


def _passages(
    text: pa.StringArray, clean: Mask, starts: Int64s, stops: Int64s
) -> Iterator[str | None]:  # fmt: skip
    for number, none in enumerate(clean.tolist()):
        stop = min(stops[number], starts[number] + PASSAGE_CHARS)
        yield None if none else text[number].as_py()[starts[number] : stop]
