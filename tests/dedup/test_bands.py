import numpy as np
import pytest

from curate.dedup.bands import band_keys, banding, bandings, cheapest, describe, main, probability


@pytest.mark.parametrize(("bands", "rows", "recall"), [(14, 8, 0.565), (16, 8, 0.613), (21, 6, 0.928), (25, 5, 0.990)])
def test_probability_at_the_threshold(bands: int, rows: int, recall: float) -> None:
    assert probability(0.7, bands, rows) == pytest.approx(recall, abs=5e-4)


@pytest.mark.parametrize(("bands", "rows", "mean"), [(21, 6, 0.9765), (25, 5, 0.998)])
def test_mean_recall_above_the_threshold(bands: int, rows: int, mean: float) -> None:
    assert banding(bands, rows, 0.7).mean == pytest.approx(mean, abs=5e-4)


def test_probability_is_what_random_minima_show() -> None:
    chance = np.random.default_rng(5)
    pairs, jaccard = 4000, 0.7
    left = chance.integers(0, 2**32, (pairs, 126), dtype=np.uint32)
    other = chance.integers(0, 2**32, (pairs, 126), dtype=np.uint32)
    right = np.where(chance.random((pairs, 126)) < jaccard, left, other)
    met = (band_keys(left, 21, 6) == band_keys(right, 21, 6)).any(axis=1).mean()
    assert met == pytest.approx(probability(jaccard, 21, 6), abs=0.015)


def test_band_keys_depend_on_the_band_and_on_every_one_of_its_minima() -> None:
    minima = np.arange(12, dtype=np.uint32).reshape(1, 12)
    keys = band_keys(minima, 2, 6)[0]
    assert len(set(band_keys(np.zeros((1, 12), np.uint32), 2, 6)[0].tolist())) == 2
    for place in range(12):
        changed = minima.copy()
        changed[0, place] += 1
        assert (band_keys(changed, 2, 6)[0] != keys).tolist() == [place < 6, place >= 6]


def test_the_optimiser_takes_the_fewest_candidates_that_reach_the_recall() -> None:
    best = cheapest(128, 0.7, 0.97)
    assert best is not None
    assert best.mean >= 0.97
    assert (best.bands, best.rows) == (20, 6)
    assert banding(19, 6, 0.7).mean < 0.97
    assert cheapest(4, 0.99, 1.01) is None


def test_the_table_names_every_choice(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--hashes", "128", "--mean", "0.97"])
    printed = capsys.readouterr().out
    assert printed.strip() == describe(128, 0.7, 0.97)
    assert "21 × 6   0.928        0.977" in printed
    assert "cheapest with a mean recall of 0.97: 20 × 6" in printed
    assert all(choice.bands * choice.rows <= 128 for choice in bandings(128, 0.7))
