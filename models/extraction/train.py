"""Train the block extractor: gold pages in, one weight file out.

    python -m models.extraction.train GOLD_FOLDER --out curate/blocks/all.npz [--permissive]

The same pages give the same file. Cost: some minutes and 3 GB for 2,600 pages.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from curate.blocks.model import pack
from models.extraction.fit import Settings, fit
from models.extraction.gold import gold_samples
from models.extraction.pack import model_of
from models.extraction.weights import bags_of

# Beginnings of licences that let anyone do anything with what is made from a set.
PERMISSIVE = ("Apache-2.0", "MIT")


def main() -> None:
    """Train and write the weight file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds gold-dev.warc.gz and gold-dev.gold.jsonl.xz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--permissive", action="store_true", help="only sets with a permissive licence")
    arguments = parser.parse_args()
    samples = gold_samples(arguments.folder, PERMISSIVE if arguments.permissive else ("",))
    print(dict(Counter(one.source for one in samples)), file=sys.stderr)
    fitted = fit(samples, [bags_of(one) for one in samples], Settings())
    data = pack(model_of(fitted))
    arguments.out.write_bytes(data)
    print(f"{arguments.out}: {len(data):,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
