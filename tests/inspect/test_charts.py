"""Histograms: nothing lost, nothing outside, thresholds where they belong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.inspect.charts import HEIGHT, PLOT_HEIGHT, PLOT_TOP, WIDTH, Axis, Chart, histogram

floats = st.floats(-1e9, 1e9, allow_nan=False)
counts = st.integers(0, 10**7).map(float)
ratios = st.floats(0, 1)


def made(kept: list[float], dropped: list[float], thresholds: list[float]) -> Chart:
    chart = histogram({"kept": np.array(kept), "dropped here": np.array(dropped)}, thresholds, "score")
    assert chart is not None
    return chart


def in_bars(chart: Chart, kind: str) -> int:
    """The documents that the labels of all bars of a kind speak of."""
    labels = [segment.label for segment in chart.segments if segment.kind == kind]
    return sum(int(label.rpartition(": ")[2].split(" ")[0].replace(",", "")) for label in labels)


@given(
    st.one_of(*(st.lists(kind, max_size=60) for kind in (floats, counts, ratios))),
    st.one_of(*(st.lists(kind, min_size=1, max_size=60) for kind in (floats, counts, ratios))),
    st.lists(st.one_of(floats, ratios), max_size=4),
)
def test_every_document_is_drawn_within_the_plot(kept: list[float], gone: list[float], limits: list[float]) -> None:
    if len({*kept, *gone}) < 2:
        assert histogram({"kept": np.array(kept), "gone": np.array(gone)}, limits, "score") is None
        return
    chart = made(kept, gone, limits)
    for segment in chart.segments:
        assert -0.5 <= segment.x <= WIDTH
        assert segment.y >= PLOT_TOP - 0.02
        assert segment.y + segment.height <= PLOT_TOP + PLOT_HEIGHT + 0.02 < HEIGHT
        assert segment.width > 0
        assert segment.height > 0
    for mark in (*chart.ticks, *chart.thresholds):
        assert 0 <= mark.x <= WIDTH
    assert len(chart.thresholds) == len(set(limits))
    assert in_bars(chart, "kept") == len(kept)
    assert in_bars(chart, "dropped here") == len(gone)


def test_a_threshold_splits_what_it_splits() -> None:
    chart = made([0.2] * 50, [0.6] * 50, [0.4])
    (limit,) = chart.thresholds
    for segment in chart.segments:
        assert (segment.x < limit.x) == (segment.kind == "kept")


def test_small_whole_numbers_have_a_bin_each() -> None:
    chart = made([1, 2, 2, 3], [5], [4])
    assert len({segment.x for segment in chart.segments}) == 4
    assert [tick.label for tick in chart.ticks] == ["1", "2", "3", "4", "5"]


def test_counts_over_decades_are_logarithmic() -> None:
    rng = np.random.default_rng(0)
    chart = made(list(np.round(np.exp(rng.normal(6, 2, 2000)))), [], [50, 100_000])
    assert {"10", "100", "1k", "10k"} <= {tick.label for tick in chart.ticks}
    assert [mark.beyond for mark in chart.thresholds] == ["", ""]


def test_a_threshold_far_away_is_pointed_at() -> None:
    chart = made(list(np.linspace(0.01, 0.02, 100)), [], [5.0])
    assert [(mark.label, mark.beyond, mark.anchor) for mark in chart.thresholds] == [("5 →", "right", "end")]


def test_a_towering_bin_is_cut_and_says_how_high_it_is() -> None:
    chart = made([0.0] * 900 + list(np.linspace(0.3, 0.9, 100)), [], [0.5])
    assert [tower.label for tower in chart.towers] == ["90.0 %"]
    lower = [s.height for s in chart.segments if s.x > 20]
    assert max(lower) > PLOT_HEIGHT / 2


@pytest.mark.parametrize("values", [[], [0.0], [7.0] * 9, [1e9]])
def test_one_value_or_none_is_no_picture(values: list[float]) -> None:
    assert histogram({"kept": np.array(values)}, [0.5], "score") is None


@pytest.mark.parametrize("values", [[0.0, 5e-324], [1e9, 1e9 + 1e-6], [-1.0, 1.0], [0.1, 0.1 + 1e-12]])
def test_values_that_hardly_differ_are_a_picture(values: list[float]) -> None:
    assert in_bars(made(values, [], []), "kept") == 2


def test_a_bin_that_is_cut_keeps_its_proportions() -> None:
    chart = made([0.0] * 600 + list(np.linspace(0.3, 0.9, 100)), [0.0] * 300, [])
    heights = {segment.kind: segment.height for segment in chart.segments if segment.x < 1}
    assert heights["kept"] == pytest.approx(2 * heights["dropped here"], abs=0.1)


def test_zero_has_a_place_on_a_logarithmic_axis() -> None:
    axis = Axis(0, 999, True)
    assert axis.x(0) == 0
    assert axis.x(999) == WIDTH
    assert axis.x(99) == pytest.approx(WIDTH * 2 / 3, abs=0.01)
