"""datasketch: run_datasketch.py minhash IN OUT WORKERS. Ids of what is kept: OUT/kept.txt.

MinHash and MinHashLSH as its documentation has them; signatures are made by as many processes as there are workers. A
document is dropped where the index has a document that shares a band.
"""

import json
import re
import sys
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

from datasketch import MinHash, MinHashLSH


def signature(line: bytes) -> tuple[str, MinHash]:
    """Of the word 5-grams of a document, or of its words where there are fewer."""
    document = json.loads(line)
    words = re.findall(r"\w+", document["text"].lower())
    shingles = {" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))}
    minhash = MinHash(num_perm=128)
    minhash.update_batch(shingles)
    return document["id"], minhash


def lines(source: str) -> Iterator[bytes]:
    """All documents."""
    for path in sorted(Path(source).glob("*.jsonl")):
        with path.open("rb") as file:
            yield from file


def main(source: str, out: str, workers: int) -> None:
    """The first of a group stays."""
    index = MinHashLSH(num_perm=128, params=(16, 8))
    Path(out).mkdir(parents=True)
    with Pool(workers) as pool, Path(out, "kept.txt").open("w", encoding="utf-8") as kept:
        for name, minhash in pool.imap(signature, lines(source), chunksize=200):
            if not index.query(minhash):
                kept.write(f"{name}\n")
            index.insert(name, minhash, check_duplication=False)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3], int(sys.argv[4]))
