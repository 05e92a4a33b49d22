"""The logical digest of a run: what it holds, whatever the files look like.

Corpus and ledger: the schema, and the sum modulo 2^256 of a 256-bit hash of every row, so neither the order of rows
nor their distribution over files matters. Tokens: the sha256 of the token stream, whose order is part of the result.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.store import open_parquet, parquet_batches

MODULUS = 1 << 256
BATCH_ROWS = 1 << 16


def digest_run(out: Path) -> dict[str, str]:
    """`{corpus, ledger, tokens, digest}` as hex digits; `digest` sums up the others. tokens is "" without tokens."""
    parts = {"corpus": digest_rows(out / "corpus"), "ledger": digest_rows(out / "ledger"), "tokens": ""}
    tokens = out / "tokens" / "tokens.json"
    if tokens.is_file():
        parts["tokens"] = str(json.loads(tokens.read_text(encoding="utf-8"))["sha256"])
    return {**parts, "digest": hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()}


def digest_rows(folder: Path) -> str:
    """Digest of all rows in a folder of Parquet files with one schema."""
    total, schema = 0, ""
    for path in sorted(folder.glob("*.parquet")):
        with open_parquet(path) as file:
            schema = describe(file.schema_arrow)
        for batch in parquet_batches(path, BATCH_ROWS):
            total = (total + sum(row_hashes(batch))) % MODULUS
    return hashlib.sha256(f"{schema}\n{total:064x}".encode()).hexdigest()


def describe(schema: pa.Schema) -> str:
    """Names and types in order."""
    return "\n".join(f"{item.name}: {item.type}" for item in schema)


def row_hashes(batch: pa.RecordBatch) -> Iterator[int]:
    """A 256-bit hash of each row over its canonical bytes."""
    columns = [column.to_pylist() for column in batch.columns]
    for row in zip(*columns, strict=True):
        digest = hashlib.blake2b(digest_size=32)
        for value in row:
            digest.update(canonical(value))
        yield int.from_bytes(digest.digest(), "big")


def canonical(value: Any) -> bytes:
    """Bytes that differ exactly when values differ: a type tag, a length where one is needed, the value.

    NaN has one form whatever its bits; 0.0 and −0.0 differ.
    """
    match value:
        case None:
            return b"n"
        case bool():
            return b"t" if value else b"f"
        case int():
            return b"i" + str(value).encode() + b";"
        case float():
            return b"d" + (struct.pack(">d", value) if value == value else b"nan")
        case str():
            text = value.encode("utf-8", "surrogatepass")
            return b"s%d:" % len(text) + text
        case bytes():
            return b"b%d:" % len(value) + value
        case dict():
            return b"{" + b"".join(canonical(key) + canonical(item) for key, item in value.items()) + b"}"
        case list():
            return b"[" + b"".join(map(canonical, value)) + b"]"
    raise TypeError(f"no canonical form for {type(value).__name__}")
