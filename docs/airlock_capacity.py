"""Print docs/airlock-capacity.md: `python docs/airlock_capacity.py > docs/airlock-capacity.md`.

The numbers are those of `make capacity`, in docs/airlock-capacity.json.
"""

import json
from pathlib import Path
from typing import Any


CHANNELS = {
    "E1": "an image or a large array as an output",
    "E2": "pixels as text in a result field",
    "E3": "pixels as values of a table",
    "E4": "pixels in the weights of a model",
    "E5": "what a job prints",
    "E6": "exceptions, tracebacks, how a job ends",
    "E7": "names of files, columns and metrics",
    "E8": "number, order and size of outputs",
    "E9": "fields, comments and metadata beside the values",
    "E10": "names, tags and paths in MLflow",
    "E11": "duration, exit code, progress",
    "E12": "log lines of the node",
    "E13": "low bits of a float",
    "E14": "what one job leaves for the next",
}

ENDINGS = ("E6", "E11")  # what is told before anybody decides

PAGE = """\
# What gets through the airlock, measured

Written by `make capacity` and `python docs/airlock_capacity.py` from
`tests/attack/channels/`; tests compare this page with the numbers and measure a part of them
again. [What the airlock does](airlock.md) says it in words.

A hostile job reads 76,800 bytes of random bits from the pixels of private frames and tries to
carry them out, each line one way, through the real sandbox, inspector and node. A decoder
reads all that crossed. A line is the number of bits of one job that arrived, errors
subtracted; noise is worth 0. *Paid for* is what the ledger charged in advance. *Control off*
is what the same decoder gets from what the job left before the airlock: it shows that the
attack itself works.

| channel | way | mock | reviewed, before release | reviewed, after release | paid for | control off |
|---|---|---:|---:|---:|---:|---:|
{lines}

* **0 in the column mock**: a job on mock runs on generated pictures, so there is nothing
  private to carry, and everything it makes may leave.
* **Before release** a job of at most 60 seconds tells how it ended and in which power of two
  of seconds: {ending} bits together, whatever the owner decides later. Such a job pays for
  {paid} bits of this kind, a split one for more. {gateway}
* **After release** the open channels carry what they hold, and never more than was paid for:
  {open}. A person looked at the values first; the budget bounds how often.
* A line is at least what an attacker gets, not the most that is thinkable: the most is the
  price. `-`: nothing is charged, or there is no control to take away.
"""


def page(lines: list[dict[str, Any]]) -> str:
    """The whole page."""
    named = set()
    rows = []
    for line in lines:
        channel = line["channel"]
        title = "" if channel in named else f" {CHANNELS[channel]}"
        named.add(channel)
        helped = " *" if line["with_gateway"] else ""
        cells = (line["mock"], line["before"], line["after"], line["paid"], line["off"])
        numbers = " | ".join(map(_number, cells))
        rows.append(f"| **{channel}**{title} | {line['how']}{helped} | {numbers} |")
    told = [line for line in lines if line["channel"] in ENDINGS and not line["with_gateway"]]
    worst = {c: max(line["before"] for line in told if line["channel"] == c) for c in ENDINGS}
    opened = [
        line for line in lines if line["paid"] and line["after"] and line["channel"] not in ENDINGS
    ]
    helped = max((line["before"] for line in lines if line["with_gateway"]), default=0)
    return PAGE.format(
        lines="\n".join(rows),
        ending=_number(round(sum(worst.values()), 1)),
        paid=max(line["paid"] for line in told),
        gateway=(
            f"Together with the gateway (*), which sees how large sealed letters are, at least "
            f"{_number(helped)} more."
            if helped
            else "Sealed letters have size classes, so the gateway (*) adds nothing."
        ),
        open="; ".join(
            f"{line['how']}, {_number(line['after'])} of {_number(line['paid'])}" for line in opened
        ),
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if value % 1 else f"{int(value):,}"


def main() -> str:
    """The page of the numbers that are there."""
    return page(json.loads(Path(__file__).with_name("airlock-capacity.json").read_text()))


if __name__ == "__main__":
    print(main(), end="")
