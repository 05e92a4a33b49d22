"""Geometry of the report's charts: plain numbers, which the template writes out as inline SVG.

A histogram stacks groups of documents over one axis and draws thresholds into it. The axis covers the middle 99 % of
the values, so that one outlier does not press everything else into a corner; what lies beyond is counted in the end
bins. A bin that towers over all others (most documents score 0 in many signals) is cut off and says how high it is.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.inspect.show import number, share

Values = npt.NDArray[np.float64]

WIDTH, PLOT_TOP, PLOT_HEIGHT, HEIGHT = 360.0, 20.0, 96.0, 136.0
BINS = 45
TOWERING = 3.0
WIDEST_BAR = 24.0
# A threshold this many times the values' range away is pointed at from the edge, not drawn to scale.
FAR = 2.0


@dataclass(frozen=True)
class Segment:
    """One rectangle of a stacked bar. `label` is shown when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str


@dataclass(frozen=True)
class Mark:
    """A place on the x axis with a label. anchor: SVG's text-anchor. beyond: "left" or "right" of the plot, or ""."""

    x: float
    label: str
    anchor: str = "middle"
    beyond: str = ""


@dataclass(frozen=True)
class Tower:
    """A bin that is cut off, and the share of all documents that it holds."""

    left: float
    right: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A histogram."""

    segments: tuple[Segment, ...]
    thresholds: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    towers: tuple[Tower, ...]
    description: str


@dataclass(frozen=True)
class Axis:
    """From values to x. On a logarithmic axis a value v lies at log(1 + v), so that 0 has its place.

    whole: the values are integers, with a bin each around them.
    """

    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False

    def x(self, value: float) -> float:
        """Place of a value, within the plot."""
        low, high, at = (self._scale(v) for v in (self.low, self.high, min(max(value, self.low), self.high)))
        return round(WIDTH * (at - low) / (high - low), 2)

    def edges(self, bins: int) -> Values:
        """float64[bins + 1], equally wide on the screen."""
        edges = np.linspace(self._scale(self.low), self._scale(self.high), bins + 1)
        if self.logarithmic:
            edges = np.expm1(edges)
        edges[0], edges[-1] = self.low, self.high  # what rounding has moved would lose documents at the ends
        return np.asarray(edges, np.float64)

    def ticks(self) -> list[float]:
        """About five round values."""
        if self.logarithmic:
            first, last = math.floor(math.log10(max(self.low, 1))), math.ceil(math.log10(self.high))
            powers = [10.0**power for power in range(first, last + 1)]
            return [tick for tick in ([0.0] if self.low == 0 else []) + powers if self.low <= tick <= self.high]
        step = max(_round_step((self.high - self.low) / 5), 1.0 if self.whole else 0.0)
        start = math.ceil(self.low / step - 1e-9)
        return [index * step for index in range(start, math.floor(self.high / step + 1e-9) + 1)]

    def _scale(self, value: float) -> float:
        return math.log1p(value) if self.logarithmic else value


def histogram(groups: Mapping[str, Values], thresholds: Sequence[float], what: str) -> Chart | None:
    """Stacked bars of the groups' values, the first group lowest; None where there are no two different values.

    groups: kind → float64[n] without NaN; the kind is the bars' CSS class. what: the values in words.
    """
    values = np.concatenate([np.empty(0), *groups.values()])
    if not len(values) or values.min() == values.max():
        return None
    axis, bins = _axis(values, thresholds)
    edges = axis.edges(bins)
    counts = {kind: np.histogram(np.clip(group, axis.low, axis.high), edges)[0] for kind, group in groups.items()}
    total = np.sum([*counts.values()], axis=0)
    top = _top(total)
    segments = tuple(_segments(axis, edges, counts, top))
    towers = tuple(
        Tower(*_bar(axis, edges, index), share(int(total[index]), len(values)))
        for index in np.flatnonzero(total > top).tolist()
    )
    ticks = tuple(_tick(axis, value) for value in axis.ticks())
    marks = tuple(_threshold(axis, value) for value in sorted(set(thresholds)))
    return Chart(
        segments, marks, ticks, towers, f"{what}: {len(values):,} documents, median {number(np.median(values))}"
    )


def _axis(values: Values, thresholds: Sequence[float]) -> tuple[Axis, int]:
    """The axis, and how many bins fit it."""
    low, high = (float(bound) for bound in np.quantile(values, [0.005, 0.995]))
    low = 0.0 if 0 <= low <= 0.2 * high else low
    if low >= 0 and high >= 200 and high > 20 * max(1.0, float(np.median(values)) / 4):
        near = [limit for limit in thresholds if 0 <= limit <= high * 10]
        return Axis(min([low, *near]), max([high, *near]), True), BINS
    if high - low < 1e-9 * max(abs(high), 1e-3):  # all the same, or as good as
        low, high = min(low, high - abs(high) / 2), high + (abs(high) / 2 or 1.0)
    span = high - low
    near = [limit for limit in thresholds if low - FAR * span <= limit <= high + FAR * span]
    low, high = min([low, *near]), max([high, *near])
    if high - low < BINS and np.all(values == np.round(values)):
        return Axis(math.floor(low) - 0.5, math.ceil(high) + 0.5, whole=True), math.ceil(high) - math.floor(low) + 1
    margin = 0.04 * (high - low)
    return Axis(low - margin if low else 0.0, high + margin), BINS


def _top(total: npt.NDArray[np.int64]) -> float:
    """The count that fills the plot's height: the highest bin, unless it towers over the next."""
    highest, *others = sorted(total.tolist(), reverse=True)
    second = max([*others[:1], 1])
    return 1.5 * second if highest > TOWERING * second and any(others) else float(max(highest, 1))


def _segments(axis: Axis, edges: Values, counts: Mapping[str, npt.NDArray[np.int64]], top: float) -> Iterator[Segment]:
    """Rectangles of all bins; one that holds anything is at least a pixel high, so that no document is invisible."""
    total = np.sum([*counts.values()], axis=0)
    for index in range(len(edges) - 1):
        left, right = _bar(axis, edges, index)
        span = f"{number(float(edges[index]))} … {number(float(edges[index + 1]))}"
        scale = PLOT_HEIGHT / max(top, float(total[index]))  # what is cut off keeps its proportions
        base = 0.0
        for kind, group in counts.items():
            n = int(group[index])
            height = min(max(n * scale, 1.0), PLOT_HEIGHT - base) if n else 0.0
            if height > 0:
                y = PLOT_TOP + PLOT_HEIGHT - base - height
                yield Segment(
                    left, round(y, 2), round(right - left, 2), round(height, 2), kind, f"{span}: {n:,} {kind}"
                )
            base += height


def _bar(axis: Axis, edges: Values, index: int) -> tuple[float, float]:
    """Left and right of a bin's bar: the bin with a gap, or less where bins are very wide."""
    left, right = axis.x(edges[index]), axis.x(edges[index + 1])
    half = min(max(right - left - 0.8, 0.5), WIDEST_BAR) / 2
    middle = (left + right) / 2
    return round(middle - half, 2), round(middle + half, 2)


def _threshold(axis: Axis, value: float) -> Mark:
    x = axis.x(value)
    beyond = "left" if value < axis.low else "right" if value > axis.high else ""
    label = {"left": f"← {number(value)}", "right": f"{number(value)} →", "": number(value)}[beyond]
    return Mark(x, label, _anchor(x), beyond)


def _tick(axis: Axis, value: float) -> Mark:
    x = axis.x(value)
    return Mark(x, _short(value), _anchor(x))


def _anchor(x: float) -> str:
    return "start" if x < 18 else "end" if x > WIDTH - 18 else "middle"


def _short(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{round(value, 6):g}"


def _round_step(step: float) -> float:
    """The next step of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
