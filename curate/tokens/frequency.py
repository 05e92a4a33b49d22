"""The most frequent words and tokens of each language, for report and card: what a corpus talks about, at a glance.

Words are counted on a sample of up to 256 MB of text, chosen by hash(seed, doc_id); tokens on all of the stream. A CJK
character is a word; elsewhere a run of letters, digits and marks is one, in lower case. Ties go to the smaller code
point or id.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.store import Dataset, View
from curate.tokens.formats import token_dtype
from curate.tokens.tokenizer import Tokenizer
from curate.tokens.train import hash_limit
from curate.tokens.windows import Sequences, kept_documents, read_sequences
from curate.wide import BUCKET, Steps, bucket_count, bucket_of

TOP = 200
WORD_SAMPLE_BYTES = 256 << 20
# Longer runs without a space are data, not words; they count in the total only.
LONGEST_WORD = 64

# Han (with extensions and compatibility), Hiragana, Katakana: scripts written without spaces.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(f"[{_CJK}]|[^\\W{_CJK}]+")

COUNTED = pa.schema(
    [
        BUCKET,
        pa.field("lang", pa.string(), nullable=False),
        pa.field("word", pa.string()),  # null: all words of the language
        pa.field("count", pa.int64(), nullable=False),
    ]
)
FREQUENT = pa.schema([COUNTED.field(name) for name in COUNTED.names[1:]])

# {lang: {"total": n, "top": [(word, n), …]}}
Frequencies = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class CountWords:
    """Counts the words of a part's kept documents whose hash is below `limit`."""

    view: View
    seed: int
    limit: int
    buckets: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """COUNTED rows: each word of a language once, then the language's total, always for bucket 0."""
        counts: dict[str, Counter[str]] = {}
        for documents in kept_documents(self.view, part, self.limit, self.seed):
            for lang, text in zip(documents["lang"].to_pylist(), documents["text"].to_pylist(), strict=True):
                counts.setdefault(lang or "und", Counter()).update(words_of(text))
        for lang, words in sorted(counts.items()):
            short = sorted(word for word in words if len(word) <= LONGEST_WORD)
            buckets = [bucket_of(f"{lang}\0{word}".encode(), self.buckets) for word in short]
            columns = [
                pa.array([*buckets, 0], pa.int32()),
                pa.array([lang] * (len(short) + 1), pa.string()),
                pa.array([*short, None], pa.string()),
                pa.array([*(words[word] for word in short), words.total()], pa.int64()),
            ]
            yield pa.record_batch(columns, schema=COUNTED)


@dataclass(frozen=True)
class TopWords:
    """Adds up counts and keeps the `top` words of each language in this bucket, and every total."""

    top: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """FREQUENT rows by language, most frequent first, the total before all."""
        arrived = pa.Table.from_batches([batch.select(FREQUENT.names).cast(FREQUENT) for batch in rows], FREQUENT)
        summed = arrived.group_by(["lang", "word"]).aggregate([("count", "sum")])
        order = [("lang", "ascending"), ("count_sum", "descending"), ("word", "ascending")]
        taken: Counter[str] = Counter()
        kept = []
        for row in summed.sort_by(order).to_pylist():
            taken[row["lang"]] += 1
            if row["word"] is None or taken[row["lang"]] <= self.top + 1:
                kept.append({"lang": row["lang"], "word": row["word"], "count": row["count_sum"]})
        yield pa.RecordBatch.from_pylist(kept, FREQUENT)


def word_frequencies(steps: Steps, *, text_bytes: int, seed: int, top: int = TOP) -> Frequencies:
    """The `top` most frequent words of each language in the kept documents, by one exchange."""
    buckets = bucket_count(min(text_bytes, WORD_SAMPLE_BYTES))
    emit = CountWords(steps.view, seed, hash_limit(text_bytes, WORD_SAMPLE_BYTES // 2), buckets)
    counted = steps.exchange(
        "words", emit, TopWords(top), inputs=steps.parts, schema=COUNTED, out=FREQUENT, buckets=buckets
    )
    totals: dict[str, int] = {}
    words: dict[str, list[tuple[str, int]]] = {}
    for bucket in range(buckets):
        for row in counted.table(bucket).to_pylist():
            if row["word"] is None:
                totals[row["lang"]] = row["count"]
            else:
                words.setdefault(row["lang"], []).append((row["word"], row["count"]))
    return {lang: {"total": totals[lang], "top": _first(words.get(lang, []), top)} for lang in sorted(totals)}


def words_of(text: str) -> list[str]:
    """The words of a text in order: single CJK characters and lower-cased runs of `\\w`."""
    return _WORD.findall(text.lower())


def token_frequencies(windows: Dataset, tokenizer: Tokenizer, top: int = TOP) -> Frequencies:
    """The `top` most frequent tokens of each language in the stream, without control tokens and padding.

    A token is shown as its text, or as "#id" where it is a part of a character.
    """
    counts: dict[str, npt.NDArray[np.int64]] = {}
    dtype = token_dtype(tokenizer.vocab_size)
    for window in range(windows.parts):
        for batch in windows.batches(window):
            count_tokens(read_sequences(batch, dtype), tokenizer.vocab_size, counts)
    shown: Frequencies = {}
    for lang in sorted(counts):
        of_lang = counts[lang]
        for control in (tokenizer.special.eos, tokenizer.special.bos, tokenizer.special.pad):
            if control is not None:
                of_lang[control] = 0
        order = np.argsort(-of_lang, kind="stable")[:top]
        best = [(_shown(tokenizer, index), int(of_lang[index])) for index in order.tolist() if of_lang[index]]
        shown[lang] = {"total": int(of_lang.sum()), "top": best}
    return shown


def count_tokens(rows: Sequences, vocab_size: int, counts: dict[str, npt.NDArray[np.int64]]) -> None:
    """Add the tokens of some sequences to counts: language → int64[vocab_size]. Padding is left out."""
    names, code = rows.languages()
    length = rows.numbers("length")
    begin = np.concatenate(([0], np.cumsum(rows.lengths)[:-1]))[rows.sequence] + rows.numbers("start")
    for index, name in enumerate(names):
        own = code == index
        inside = np.zeros(len(rows.tokens) + 1, np.int8)
        inside[begin[own]] += 1
        inside[begin[own] + length[own]] -= 1
        tokens = rows.tokens[np.cumsum(inside[:-1], dtype=np.int8).astype(np.bool_)]
        so_far = counts.setdefault(name, np.zeros(vocab_size, np.int64))
        so_far += np.bincount(tokens, minlength=vocab_size)


def _first(words: list[tuple[str, int]], top: int) -> list[tuple[str, int]]:
    return sorted(words, key=lambda item: (-item[1], item[0]))[:top]


def _shown(tokenizer: Tokenizer, index: int) -> str:
    text = tokenizer.decode([index])
    return f"#{index}" if not text or "\ufffd" in text else text
