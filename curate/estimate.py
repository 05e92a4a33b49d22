"""What a run would come to, from a sample: `curate run … --dry-run`.

The sample is the beginning of some files, chosen by the hash of their names, so that the same command looks at the same
records. It goes through the whole recipe in a temporary folder, one core's seconds counted. What a rule removes of the
sample is an estimate of what it removes of everything. What deduplication removes is a lower bound: most duplicates of
a document lie outside the sample; `distinct_bounds` says how far up it may go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import sqrt
from pathlib import Path

from curate.engines import Engine
from curate.parts import piece_bytes
from curate.plan import Plan, compile_plan
from curate.run import run
from curate.sources import Piece, SourceFile, head, whole_of
from curate.steps import Progress

# Files that a sample is taken from, where there are as many.
LEAST_FILES = 8


@dataclass(frozen=True)
class Sample:
    """Pieces of the input. share: about which part of it they are; files: how many files it has."""

    pieces: tuple[Piece, ...]
    share: float
    files: int


def take_sample(files: Sequence[SourceFile], sample_bytes: int) -> Sample:
    """The beginnings of files in an order that only their names decide, about `sample_bytes` when decompressed."""
    most = max(1, sample_bytes // LEAST_FILES)
    pieces: list[Piece] = []
    size = share = 0.0
    stored_bytes = sum(file.size_bytes for file in files)
    for file in sorted(files, key=lambda file: blake2b(file.source.encode(), digest_size=8).digest()):
        if size >= sample_bytes:
            break
        piece, whole = head(file, most), whole_of(file)
        part = 1.0 if piece.end is None else min(1.0, piece.estimated_bytes / max(1, whole.estimated_bytes))
        pieces.append(piece)
        size += piece.estimated_bytes
        share += part * file.size_bytes / max(1, stored_bytes)
    return Sample(tuple(sorted(pieces, key=lambda piece: piece.file.source)), min(1.0, share), len(files))


def try_sample(
    plan: Plan, sample: Sample, folder: Path, engine: Engine, progress: Progress, against: Sequence[Path] = ()
) -> None:
    """Carry the plan out on a sample, in `folder`: without tokens, whatever share of records fails."""
    part_bytes = piece_bytes(sum(piece.estimated_bytes for piece in sample.pieces), 1 << 20, 256 << 20)
    output = plan.recipe.output.model_copy(update={"max_failed_ratio": 1.0, "part_bytes": part_bytes})
    recipe = plan.recipe.model_copy(update={"tokens": None, "output": output})
    recipe._folder = plan.recipe.folder
    run(compile_plan(recipe), folder, engine, progress, against, sample.pieces)


def distinct_bounds(alone: int, groups: int, share: float) -> tuple[float, float, float]:
    """(fewest, expected, most) distinct documents among all, from a random `share` of them.

    alone: documents of the sample without a duplicate in it; groups: groups of duplicates. Fewest: all that lies
    outside of the sample repeats it. Most: what is alone in the sample is alone in all. Expected: their geometric mean
    for what is alone, at most a factor √(1 / share) off either way (Charikar, Chaudhuri, Motwani and Narasayya 2000,
    "Towards Estimation Error Guarantees for Distinct Values", section 4).
    """
    scale = 1 / share
    return float(alone + groups), sqrt(scale) * alone + groups, scale * alone + groups
