"""The part table: which pieces of which input files make up each part, as files, 1,000 parts each.

Parts come from the input alone: files in order of their source, cut at record boundaries by an index pass, put
together to about `part_bytes` of decompressed input. The number of workers has no say. A large input is cut into parts
of 256 MB; a small one into smaller ones, so that it, too, can be shared by several workers.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.engines import Engine
from curate.sources import Piece, SourceFile, group, split
from curate.storage import place
from curate.store import Dataset, Draft, Manifest, write_text

PARTS_PER_FILE = 1000
PART_BYTES = (32 << 20, 256 << 20)
# A whole is cut into 8 to 16 pieces, as far as their least and largest size allow.
PIECES = 16
PIECE = pa.schema([pa.field("piece", pa.string(), nullable=False)])


@dataclass(frozen=True)
class PartTable:
    """Parts 0..parts−1 in `folder`; a task reads only the entry of its own part."""

    folder: str
    parts: int

    def pieces(self, part: int) -> list[Piece]:
        """The pieces of input files that make up a part, in order."""
        return [load_piece(piece) for piece in self._entry(part)["pieces"]]

    def fingerprints(self) -> Iterator[str]:
        """Per part a hash of where its input lies and which version of it was listed."""
        for path in sorted(place(self.folder).glob("parts-*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                yield str(json.loads(line)["fingerprint"])

    def _entry(self, part: int) -> dict[str, Any]:
        path = place(self.folder) / f"parts-{part // PARTS_PER_FILE:05d}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines()
        entry: dict[str, Any] = json.loads(lines[part % PARTS_PER_FILE])
        return entry


@dataclass(frozen=True)
class IndexTask:
    """The index pass over one input file: where it may be cut."""

    name = "index"
    part_bytes: int
    spill: str
    output: Dataset

    def __call__(self, number: int, file: SourceFile, fingerprint: str) -> Manifest:
        """Publish the file's pieces, one JSON row each."""
        folder = place(self.spill) / hashlib.sha256(file.source.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        pieces = [json.dumps(asdict(piece)) for piece in split(file, self.part_bytes, folder)]
        return self.output.publish(number, PIECE, [pa.record_batch([pieces], schema=PIECE)], Draft(fingerprint))


def piece_bytes(total: int, least: int, most: int) -> int:
    """Size of the pieces to cut `total` bytes into; a power of two, so that a growing input is seldom cut anew."""
    return min(max(1 << (total // PIECES).bit_length(), least), most)


def build_part_table(files: Sequence[SourceFile], part_bytes: int | None, engine: Engine, folder: Path) -> PartTable:
    """Index every file that has not been indexed yet, cut and group, and write the table under `folder`."""
    part_bytes = part_bytes or piece_bytes(sum(file.size_bytes for file in files), *PART_BYTES)
    index = Dataset(str(folder / "index"), len(files))
    known = {manifest.part: manifest.fingerprint for manifest in index.manifests()}
    items = [(number, file, _hash([asdict(file), part_bytes])) for number, file in enumerate(files)]
    todo = [item for item in items if known.get(item[0]) != item[2]]
    for _ in engine.map(IndexTask(part_bytes, str(folder / "spill"), index), todo):
        pass
    index.gather()
    pieces = [load_piece(json.loads(text)) for n in range(len(files)) for text in index.table(n)["piece"].to_pylist()]
    return write_part_table(pieces, part_bytes, folder)


def load_piece(entry: dict[str, Any]) -> Piece:
    """The Piece of its JSON form."""
    return Piece(**{**entry, "file": SourceFile(**entry["file"])})


def write_part_table(pieces: Sequence[Piece], part_bytes: int | None, folder: Path) -> PartTable:
    """Put consecutive pieces together to parts, and write the table of them under `folder`."""
    parts = group(pieces, part_bytes or piece_bytes(sum(piece.estimated_bytes for piece in pieces), *PART_BYTES))
    for start in range(0, len(parts), PARTS_PER_FILE):
        entries = [[asdict(piece) for piece in part] for part in parts[start : start + PARTS_PER_FILE]]
        lines = [json.dumps({"fingerprint": _hash(entry), "pieces": entry}) + "\n" for entry in entries]
        write_text(folder / f"parts-{start // PARTS_PER_FILE:05d}.jsonl", "".join(lines))
    stale = -(-len(parts) // PARTS_PER_FILE)
    for path in folder.glob("parts-*.jsonl"):
        if int(path.stem.partition("-")[2]) >= stale:
            path.unlink()
    return PartTable(str(folder), len(parts))


def _hash(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
