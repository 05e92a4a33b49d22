"""Weight files: what comes back of them, which are refused, and that those of curate are what they were."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from made_model import made

from curate.classify.model import WEIGHTS, fingerprint, load, pack, unpack
from curate.errors import EngineError, RecipeError

LIMIT_BYTES = 2_000_000


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_weights_are_whole_and_small(name: str) -> None:
    model = load(name)
    assert fingerprint(name) == WEIGHTS[name]
    assert len(pack(model)) < LIMIT_BYTES
    assert set(model.thresholds) == {"en", "zh"}
    assert len(model.grams) == len(np.unique(model.grams)) == len(model.weights)
    assert set(model.of.tolist()) - {-1} == set(range(len(model.classes)))


def test_what_is_packed_comes_back() -> None:
    model = made({"good": [3, -4], "bad": [-1, 2]}, thresholds={"en": 0.25, "zh": 0.5})
    again = unpack(pack(model))
    for before, after in zip(model, again, strict=True):
        assert np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after
    assert pack(again) == pack(model)


def test_a_model_for_other_ngrams_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.classify.model.GRAMS_VERSION", 0)
    (tmp_path / "old.npz").write_bytes(pack(made({"word": [1]})))
    monkeypatch.undo()
    with pytest.raises(RecipeError, match="another version of n-grams"):
        load(str(tmp_path / "old.npz"))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="no classifier that this version"):
        load(str(path))


def test_pickles_are_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return sys.exit, ("unpickled",)

    packed = io.BytesIO()
    np.savez(packed, version=np.array([Trap()], object))
    path = tmp_path / "trap.npz"
    path.write_bytes(packed.getvalue())
    with pytest.raises(RecipeError, match="no classifier"):
        load(str(path))


def test_names_and_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'toxicity'"):
        load("toxcity")
    with pytest.raises(RecipeError, match=r"cannot read the classifier .*none\.npz"):
        load(str(tmp_path / "none.npz"))


def test_damaged_weights_of_curate_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTS, "toxicity", "0" * 64)
    load.cache_clear()
    with pytest.raises(EngineError, match="damaged"):
        load("toxicity")
    load.cache_clear()
