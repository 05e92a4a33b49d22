"""The exchange that trains a vocabulary: every part offers its documents of small hash, one bucket learns from them.

A part offers only hashes below a limit that the corpus' size sets, so the bucket gets about twice the sample whatever
the number of parts, and the result depends on the kept documents alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from curate.store import View
from curate.tokens.train import SAMPLE_BYTES, hash_limit, train_model, training_sample
from curate.tokens.windows import kept_documents
from curate.wide import BUCKET, Steps

OFFERED = pa.schema(
    [
        BUCKET,
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
MODEL = pa.schema([pa.field("model", pa.binary(), nullable=False)])


@dataclass(frozen=True)
class EmitSample:
    """Offers a part's kept documents whose hash is below `limit`."""

    view: View
    seed: int
    limit: int

    def __call__(self, part: int) -> Iterator[pa.RecordBatch]:
        """OFFERED rows, all for bucket 0."""
        for documents in kept_documents(self.view, part, self.limit, self.seed):
            columns = [pa.array([0] * documents.num_rows, pa.int32())]
            columns += [documents[name].combine_chunks() for name in ("doc_id", "text")]
            yield pa.record_batch(columns, schema=OFFERED)


@dataclass(frozen=True)
class TrainOnSample:
    """Trains on the first `sample_bytes` of what was offered, in order of hash."""

    seed: int
    sample_bytes: int
    vocab_size: int

    def __call__(self, bucket: int, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One row: the model file."""
        offered = (
            pair for batch in rows for pair in zip(batch["doc_id"].to_pylist(), batch["text"].to_pylist(), strict=True)
        )
        sample = training_sample(offered, self.seed, self.sample_bytes)
        yield pa.record_batch([pa.array([train_model(sample, vocab_size=self.vocab_size)], pa.binary())], schema=MODEL)


def trained_model(
    steps: Steps, *, vocab_size: int, seed: int, text_bytes: int, sample_bytes: int = SAMPLE_BYTES
) -> bytes:
    """The bytes of a SentencePiece model trained on a sample of the kept documents. Raises RecipeError."""
    emit = EmitSample(steps.view, seed, hash_limit(text_bytes, sample_bytes))
    reduce = TrainOnSample(seed, sample_bytes, vocab_size)
    made = steps.exchange("tokenizer", emit, reduce, inputs=steps.parts, schema=OFFERED, out=MODEL, buckets=1)
    return bytes(made.table(0)["model"][0].as_py())
