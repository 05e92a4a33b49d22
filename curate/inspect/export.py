"""The corpus as gzipped JSON lines: with all columns, or in the record that WanJuan-CC was released in.

WanJuan-CC's record (arXiv 2402.19282, data card): id, content, title, language, date, token_num, cbytes_num, line_num,
char_num, toxic_score, porn_score, fluency_score, not_ad_score. Lines are what newlines separate, bytes are UTF-8;
toxic and porn scores are high for bad texts, fluency and not_ad scores for good ones. A score that no stage of the
recipe gives is null, and so is token_num where the recipe has no tokenizer.

One shard per corpus file, in the same order; the same corpus gives the same bytes.
"""

import gzip
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from curate.errors import RecipeError
from curate.inspect.run_folder import RunFolder, open_run
from curate.storage import names_in
from curate.store import atomic_file, parquet_batches

BATCH_ROWS = 256
SHARD = re.compile(r"part-\d{5}\.jsonl\.gz")
MODEL_SCORES = ("toxic_score", "porn_score", "fluency_score", "not_ad_score")

Format = Literal["wanjuan", "jsonl"]
CountTokens = Callable[[Sequence[str]], list[int]]


def export(out: Path, target: Path, format: Format = "wanjuan") -> list[Path]:
    """Write the corpus of a finished run to `target/part-*.jsonl.gz`; returns the shards.

    Raises RecipeError where `target` holds shards that this export would not replace.
    """
    if format not in ("wanjuan", "jsonl"):
        raise RecipeError(f"there is no export format {format!r} (known: jsonl, wanjuan)")
    run = open_run(out)
    paths = [target / f"part-{number:05d}.jsonl.gz" for number in range(len(run.corpus))]
    _refuse_strangers(target, paths)
    count = _token_counter(run) if format == "wanjuan" else None
    for source, path in zip(run.corpus, paths, strict=True):
        _write_shard(path, _records(source, format, count))
    return paths


def to_wanjuan(row: Mapping[str, Any], token_num: int | None = None) -> dict[str, Any]:
    """A document of the corpus as WanJuan-CC's record."""
    text = row.get("text") or ""
    return {
        "id": row["doc_id"],
        "content": text,
        "title": row.get("title"),
        "language": row.get("lang"),
        "date": row.get("date"),
        "token_num": token_num,
        "cbytes_num": len(text.encode()),
        "line_num": text.count("\n") + 1,
        "char_num": len(text),
        **{name: row.get(name) for name in MODEL_SCORES},
    }


def _records(source: Path, format: Format, count: CountTokens | None) -> Iterator[dict[str, Any]]:
    for batch in parquet_batches(source, BATCH_ROWS):
        rows = batch.to_pylist()
        if format == "jsonl":
            yield from rows
            continue
        tokens: Sequence[int | None] = [None] * len(rows)
        if count:
            tokens = count([row.get("text") or "" for row in rows])
        yield from (to_wanjuan(row, number) for row, number in zip(rows, tokens, strict=True))


def _write_shard(path: Path, records: Iterator[dict[str, Any]]) -> None:
    """Gzip without name and time in its header, so that equal records are equal bytes."""
    with (
        atomic_file(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
    ):
        for record in records:
            packed.write(json.dumps(_plain(record), ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _plain(value: Any) -> Any:
    """What JSON can hold: NaN and infinities become null, bytes hex."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _token_counter(run: RunFolder) -> CountTokens | None:
    """Counts tokens with the run's own tokenizer; None where the recipe has none."""
    if not run.summary["tokens"]:
        return None
    from curate.tokens.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(str(run.out / "tokens" / run.summary["tokens"]["tokenizer"]["file"]))
    return lambda texts: [len(ids) for ids in tokenizer.encode_batch(texts)]


def _refuse_strangers(target: Path, paths: Sequence[Path]) -> None:
    ours = {path.name for path in paths}
    strangers = [name for name in sorted(names_in(target)) if SHARD.fullmatch(name) and name not in ours]
    if strangers:
        raise RecipeError(
            f"{target} holds shards of a larger export ({strangers[0]}, …), which would be mixed with this one; "
            "delete them or choose another folder"
        )
