"""Dolma: run_dolma.py ngram|taggers IN OUT WORKERS. What it says of documents lies in OUT/attributes.

By `dolma dedupe` and `dolma tag`; its mixer, which would write what is kept, is left out of the time. ngram: each
document as one paragraph, dropped where 82 % of its word 5-grams were seen before; two documents of one size with a
Jaccard of 0.7 have that share in common.
"""

import subprocess
import sys
from pathlib import Path

job, source, out, workers = sys.argv[1:]
# Attributes are written beside the folder `documents`.
Path(out).mkdir(parents=True)
Path(out, "documents").symlink_to(Path(source).resolve(), target_is_directory=True)
words = sum(path.stat().st_size for path in Path(source).iterdir()) // 6
NGRAM = {
    "dedupe.name": "ngram",
    "dedupe.paragraphs.attribute_name": "seen",
    "dedupe.paragraphs.paragraph_separator": "\x1e\x1e\x1e",
    "dedupe.paragraphs.by_ngram.ngram_length": "5",
    "dedupe.paragraphs.by_ngram.overlap_threshold": "0.82",
    "bloom_filter.file": f"{out}/bloom.bin",
    "bloom_filter.estimated_doc_count": str(words),
    "bloom_filter.desired_false_positive_rate": "1e-4",
}
TAGGERS = ["gopher_v2", "c4_v2"]
commands = {
    "ngram": ["dedupe", "--no-bloom_filter.read_only", *(word for key in NGRAM for word in (f"--{key}", NGRAM[key]))],
    "taggers": ["tag", "--experiment", "taggers", "--taggers", *TAGGERS],
}
dolma = str(Path(sys.executable).with_name("dolma"))
given = ["--documents", f"{out}/documents/*", "--processes", workers]
sys.exit(subprocess.run([dolma, *commands[job], *given], check=False).returncode)
