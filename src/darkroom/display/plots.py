"""Plots for what jobs return. Each takes a table and gives back a matplotlib figure."""

import io
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


COLOURS = ("#3b6fb6", "#e0883a", "#5a9e6f", "#b65a8c", "#7a6fb0", "#8c8c8c")
MAX_BARS = 60


def per_camera_and_hour(
    table: "pd.DataFrame",
    value: str,
    *,
    hour: str = "hour",
    camera: str = "camera",
    title: str = "",
) -> "Figure":
    """A value for each camera and hour; one panel for each domain when there are several.

    Args:
        table: with the columns `camera`, `hour`, the value, and perhaps `domain`.
        value: the column to plot; rows of the same camera and hour are added up.
        hour: the column with the hour of the day, 0 to 23.
        camera: the column with the camera.
        title: above the figure.
    """
    groups = (
        [(str(name), part) for name, part in table.groupby("domain", sort=False)]
        if "domain" in table
        else [("", table)]
    )
    figure, axes = _panels(len(groups))
    for axis, (name, part) in zip(axes, groups, strict=True):
        counts = part.pivot_table(
            index=hour, columns=camera, values=value, aggfunc="sum", fill_value=0
        )
        _bars(axis, counts)
        axis.set_title(name, fontsize=11, loc="left", fontweight="bold")
        axis.set_xlabel("hour of the day (UTC)")
    axes[0].set_ylabel(value)
    highest = max(axis.get_ylim()[1] for axis in axes)
    for axis in axes:
        axis.set_ylim(0, highest)  # panels are there to be compared
    return _finish(figure, title)


def _bar_words(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _bars(axis: Any, counts: "pd.DataFrame") -> None:  # noqa: ANN401  # matplotlib's Axes
    hours = [int(h) for h in counts.index]
    cameras = [str(c) for c in counts.columns]
    width = 0.8 / max(len(cameras), 1)
    for number, name in enumerate(cameras):
        at = [h - 0.4 + width * (number + 0.5) for h in range(len(hours))]
        bars = axis.bar(at, counts.iloc[:, number], width * 0.94, label=name, color=_colour(number))
        if len(hours) * len(cameras) <= MAX_BARS // 4:
            axis.bar_label(bars, fmt=_bar_words, fontsize=8, padding=2)
    axis.set_xticks(range(len(hours)), [f"{h:02d}" for h in hours])
    axis.margins(y=0.15)
    axis.legend(
        frameon=False, fontsize=8, ncols=min(len(cameras), 3), loc="lower right",
        bbox_to_anchor=(1.0, 0.99), borderaxespad=0.2, columnspacing=1.2, handlelength=1.2,
    )  # fmt: skip


def loss_curve(
    losses: Mapping[str, Sequence[float]] | Sequence[float], *, title: str = "Training loss"
) -> "Figure":
    """The loss step by step, one line for each name, with a running mean."""
    series = losses if isinstance(losses, Mapping) else {"loss": losses}
    figure, (axis,) = _panels(1)
    for number, (name, values) in enumerate(series.items()):
        smooth = _running_mean(list(values), max(1, len(values) // 20))
        axis.plot(range(1, len(values) + 1), values, color=_colour(number), alpha=0.25)
        axis.plot(range(1, len(values) + 1), smooth, color=_colour(number), label=name)
    axis.set_xlabel("step")
    axis.set_ylabel("loss")
    axis.set_ylim(bottom=0)
    if len(series) > 1:
        axis.legend(frameon=False)
    return _finish(figure, title)


def before_after(
    values: Mapping[str, tuple[float, float]],
    *,
    title: str = "",
    label: str = "AP50",
    names: tuple[str, str] = ("before", "after"),
) -> "Figure":
    """Two bars for each name: what a training changed."""
    figure, (axis,) = _panels(1)
    for number, (shift, legend) in enumerate(zip((-0.2, 0.2), names, strict=True)):
        bars = axis.bar(
            [n + shift for n in range(len(values))],
            [pair[number] for pair in values.values()],
            0.38,
            label=legend,
            color=COLOURS[5] if number == 0 else COLOURS[0],
        )
        axis.bar_label(bars, fmt="{:.2f}", fontsize=9, padding=2)
    axis.set_xticks(range(len(values)), list(values))
    axis.set_ylim(0, 1)
    axis.set_ylabel(label)
    axis.legend(frameon=False, loc="upper left")
    return _finish(figure, title)


def log_growth(
    times: Sequence[float],
    heads: Mapping[str, Sequence[tuple[float, int]]],
    *,
    title: str = "",
) -> "Figure":
    """How an audit log grew, and how far others vouch for it.

    Args:
        times: Unix seconds of each entry, in their order.
        heads: who holds them -> (Unix seconds, number of entries) of each signed head.
        title: above the figure.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure, (axis,) = _panels(1)
    numbers = range(1, len(times) + 1)
    axis.step(
        [_moment(at) for at in times], numbers, where="post", color=COLOURS[5], label="entries"
    )
    for number, (holder, known) in enumerate(heads.items()):
        axis.plot(
            [_moment(at) for at, _ in known], [size for _, size in known],
            linestyle="none", marker="oD^s"[number % 4], markersize=max(4, 10 - 5 * number),
            color=_colour(number), label=holder,
        )  # fmt: skip
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(locator)
    form = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_formatter(form)
    axis.set_xlabel("the domain's clock (UTC)")
    axis.set_ylabel("entries in the log")
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, loc="upper left")
    return _finish(figure, title)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def figure_png(figure: "Figure") -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return buffer.getvalue()


def _running_mean(values: list[float], width: int) -> list[float]:
    return [
        sum(values[max(0, n - width + 1) : n + 1]) / min(width, n + 1) for n in range(len(values))
    ]


def _panels(count: int) -> tuple["Figure", list[Any]]:
    """A figure of its own: nothing is shown twice by a notebook's inline back end."""
    # The first figure of all looks for fonts, and says so in the red of an error.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(6.4, 4.2 * count), 3.4), layout="constrained")
    axes = [figure.add_subplot(1, count, n + 1) for n in range(count)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
        axis.set_axisbelow(True)
    return figure, axes


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _finish(figure: "Figure", title: str) -> "Figure":
    if title:
        figure.suptitle(title, fontsize=12, x=0.01, ha="left", fontweight="bold")
    return figure
