"""The few schemas that every part of curate agrees on, written out literally, and the identity of a document.

RAW      what a reader yields: one row for every input record, readable or not
VERDICT  what any step may decide about a row; null means undecided
DOC      the head of the corpus; score columns of the recipe's stages follow it
LEDGER   one row for every record that came in

Only bool, int32/64, float32/64, string, binary, list and struct are used: the types that cross every engine unharmed.
"""

from hashlib import blake2b

import pyarrow as pa

# The record's place in the stored WARC file, so that anyone can fetch the original page again.
WARC_PLACE = pa.struct([("file", pa.string()), ("offset", pa.int64()), ("length", pa.int64())])

RAW = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("date", pa.string()),  # ISO 8601, as the record states it
        pa.field("crawl", pa.int32()),  # the ordinal that the recipe's [[input]] declares
        pa.field("warc", WARC_PLACE),
        pa.field("title", pa.string()),
        pa.field("html", pa.binary()),  # payload of an HTML record, transfer and content coding undone
        pa.field("charset", pa.string()),  # from the HTTP header alone; null where it names none
        pa.field("text", pa.string()),  # payload of a record that is text already (WET, JSONL, Parquet, .txt)
        pa.field("verdict", pa.string()),  # the reader's own verdict: "dropped" or "failed", else null
        pa.field("reason", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("error", pa.string()),
    ]
)

# Columns that live only inside the step that reads the input: raw pages are never written again.
TRANSIENT = frozenset({"html", "charset"})

VERDICT = pa.schema(
    [
        pa.field("verdict", pa.string()),  # "dropped" | "failed"; null = undecided
        pa.field("stage", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("duplicate_of", pa.string()),
        pa.field("jaccard", pa.float64()),
        pa.field("error", pa.string()),
    ]
)

DOC = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("text", pa.string()),
        pa.field("title", pa.string()),
        pa.field("date", pa.string()),
        pa.field("crawl", pa.int32()),
        pa.field("content_id", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("warc", WARC_PLACE),
    ]
)

LEDGER = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("verdict", pa.string(), nullable=False),  # "kept" | "dropped" | "failed"
        *[VERDICT.field(name) for name in VERDICT.names[1:]],
    ]
)


def doc_id(source: str, offset: int) -> str:
    """128-bit id of a record as 32 hex digits, from its place alone: equal on every machine, engine and run.

    `source` is the input's name + "/" + the path below that input's root; `offset` is the byte offset of the record
    (row number for Parquet, 0 for a file that is one record).
    """
    return blake2b(f"{source}\0{offset}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def content_id(coarse_form: bytes) -> str:
    """128-bit hash of a text's coarse form (`curate.text.coarse`) as 32 hex digits."""
    return blake2b(coarse_form, digest_size=16).hexdigest()


def seeded_hash(seed: int, doc_id: str) -> int:
    """The only randomness in curate: an unsigned 64-bit integer from a seed and a document's id.

    Samples, shuffles and packing windows compare or cut this number, so they do not depend on ranks or order.
    """
    digest = blake2b(doc_id.encode(), digest_size=8, key=seed.to_bytes(8, "big", signed=True)).digest()
    return int.from_bytes(digest, "big")
