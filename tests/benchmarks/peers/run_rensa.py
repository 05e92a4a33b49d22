"""Rensa: run_rensa.py minhash IN OUT WORKERS. Ids of what is kept: OUT/kept.txt.

Its fastest way that keeps its recall: R-MinHash of all shingles, hashed beforehand, a batch at a time, and RMinHashLSH.
(Its "rho" pipeline samples words and finds few of the planted pairs.) Reading and shingles are shared among as many
processes as there are workers, and signatures among as many threads of its own.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from itertools import islice
from multiprocessing import Pool
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = sys.argv[4]  # read when rensa is imported
import numpy as np
from rensa import RMinHash, RMinHashLSH

BATCH, NGRAM = 1000, 5
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def hashed(batch: list[bytes]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(ids, hashes of the word 5-grams of all, where those of each start)."""
    documents = list(map(json.loads, batch))
    hashes = [shingles(document["text"]) for document in documents]
    starts = np.cumsum([0, *map(len, hashes)], dtype=np.uint64)
    return [document["id"] for document in documents], np.concatenate(hashes), starts


def shingles(text: str) -> np.ndarray:
    """uint64 hashes of the word 5-grams of a text, or of its words where there are fewer."""
    words = re.findall(r"\w+", text.lower())
    hashes = np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)
    if len(words) < NGRAM:
        return hashes
    grams = np.zeros(len(words) - NGRAM + 1, np.uint64)
    for i in range(NGRAM):
        grams = (grams ^ hashes[i : i + len(grams)]) * FACTOR
        grams ^= grams >> np.uint64(32)
    return grams


def batches(source: str) -> Iterator[list[bytes]]:
    """All documents, some at a time."""
    for path in sorted(Path(source).glob("*.jsonl")):
        with path.open("rb") as lines:
            while batch := list(islice(lines, BATCH)):
                yield batch


def main(source: str, out: str, workers: int) -> None:
    """The first of a group stays."""
    index = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
    Path(out).mkdir(parents=True)
    seen = 0
    with Pool(workers) as pool, Path(out, "kept.txt").open("w", encoding="utf-8") as kept:
        for names, hashes, starts in pool.imap(hashed, batches(source)):
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, starts, 128, 42)
            dropped = index.insert_matrix_and_query_duplicate_flags(matrix, start_key=seen)
            kept.writelines(f"{name}\n" for name, drop in zip(names, dropped, strict=True) if not drop)
            seen += len(names)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3], int(sys.argv[4]))
