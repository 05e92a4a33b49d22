"""Megatron's layout, byte by byte and by a reader that shares no code with ours."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import RecipeError
from curate.tokens.formats import SequenceReader, token_dtype, write_sequences


def write(prefix: Path, sequences: list[list[int]], vocab_size: int = 1000) -> None:
    with write_sequences(prefix, token_dtype(vocab_size)) as writer:
        for sequence in sequences:
            writer.append(np.array(sequence, np.int64), np.array([len(sequence)]))


def read_independently(prefix: Path) -> tuple[int, list[list[int]], list[int]]:
    """(type code, sequences, document table) by struct alone."""
    index, tokens = Path(f"{prefix}.idx").read_bytes(), Path(f"{prefix}.bin").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, entries = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    lengths = struct.unpack_from(f"<{sequences}i", index, 34)
    pointers = struct.unpack_from(f"<{sequences}q", index, 34 + 4 * sequences)
    documents = struct.unpack_from(f"<{entries}q", index, 34 + 12 * sequences)
    assert len(index) == 34 + 12 * sequences + 8 * entries
    letter = {4: "i", 8: "H"}[code]
    read = [list(struct.unpack_from(f"<{n}{letter}", tokens, at)) for n, at in zip(lengths, pointers, strict=True)]
    return code, read, list(documents)


def test_bytes_of_a_small_file(tmp_path: Path) -> None:
    write(tmp_path / "t", [[1, 2, 258], [7]])
    assert (tmp_path / "t.bin").read_bytes() == bytes.fromhex("0100 0200 0201 0700")
    assert (tmp_path / "t.idx").read_bytes() == bytes.fromhex(
        "4d4d494449445800 00"  # MMIDIDX, two zero bytes
        "0100000000000000"  # version
        "08"  # uint16
        "0200000000000000 0300000000000000"  # two sequences, three entries of the document table
        "03000000 01000000"  # lengths
        "0000000000000000 0600000000000000"  # byte offsets
        "0000000000000000 0100000000000000 0200000000000000"  # documents
    )


def test_a_large_vocabulary_is_written_as_int32(tmp_path: Path) -> None:
    write(tmp_path / "t", [[92_543]], vocab_size=92_544)
    assert (tmp_path / "t.bin").read_bytes() == bytes.fromhex("7f690100")
    assert read_independently(tmp_path / "t") == (4, [[92_543]], [0, 1])


@pytest.mark.parametrize(("vocab_size", "dtype"), [(300, "<u2"), (65_499, "<u2"), (65_500, "<i4"), (92_544, "<i4")])
def test_type_of_ids_follows_megatrons_rule(vocab_size: int, dtype: str) -> None:
    assert token_dtype(vocab_size) == np.dtype(dtype)


@given(st.lists(st.lists(st.integers(0, 65_000), max_size=9), max_size=12), st.sampled_from((65_499, 92_544)))
def test_what_is_written_is_read_by_both_readers(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[list[int]], vocab_size: int
) -> None:
    prefix = tmp_path_factory.mktemp("formats") / "t"
    write(prefix, sequences, vocab_size)
    reader = SequenceReader(prefix)
    assert [reader[i].tolist() for i in range(len(reader))] == sequences
    _, read, documents = read_independently(prefix)
    assert read == sequences
    assert documents == reader.documents.tolist() == list(range(len(sequences) + 1))


def test_many_sequences_at_once_are_those_one_by_one(tmp_path: Path) -> None:
    write(tmp_path / "one", [[1, 2], [3], [], [4, 5, 6]])
    with write_sequences(tmp_path / "all", token_dtype(1000)) as writer:
        writer.append(np.arange(1, 7), np.array([2, 1, 0, 3]))
    for ending in (".bin", ".idx"):
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"all{ending}").read_bytes()


def test_every_token_is_located(tmp_path: Path) -> None:
    sequences = [[1, 2], [], [3], [4, 5, 6]]
    write(tmp_path / "t", sequences)
    reader = SequenceReader(tmp_path / "t")
    expected = [(row, place) for row, sequence in enumerate(sequences) for place in range(len(sequence))]
    assert [reader.locate(token) for token in range(6)] == expected
    with pytest.raises(IndexError, match="token 6 of 6"):
        reader.locate(6)
    with pytest.raises(IndexError, match="sequence 4 of 4"):
        reader[4]


def test_lengths_that_do_not_fit_the_tokens_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="3 tokens do not make sequences of 4"),
        write_sequences(tmp_path / "t", token_dtype(1000)) as writer,
    ):
        writer.append(np.array([1, 2, 3]), np.array([2, 2]))
    assert list(tmp_path.iterdir()) == []


def damage_magic(prefix: Path) -> None:
    path = Path(f"{prefix}.idx")
    path.write_bytes(b"X" + path.read_bytes()[1:])


def cut_index(prefix: Path) -> None:
    path = Path(f"{prefix}.idx")
    path.write_bytes(path.read_bytes()[:-1])


def cut_header(prefix: Path) -> None:
    Path(f"{prefix}.idx").write_bytes(b"MMIDIDX\x00\x00")


def cut_tokens(prefix: Path) -> None:
    path = Path(f"{prefix}.bin")
    path.write_bytes(path.read_bytes()[:-2])


def lose_tokens(prefix: Path) -> None:
    Path(f"{prefix}.bin").unlink()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage_magic, "not a Megatron index"),
        (cut_index, r"cut off: 81 of 82 bytes"),
        (cut_header, "too short"),
        (cut_tokens, r"holds 3 tokens, but its .idx speaks of 4"),
        (lose_tokens, "cannot read the token files"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, harm: Callable[[Path], None], message: str) -> None:
    write(tmp_path / "t", [[1, 2, 3], [4]])
    harm(tmp_path / "t")
    with pytest.raises(RecipeError, match=message):
        SequenceReader(tmp_path / "t")
