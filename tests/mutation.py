"""`make mutation`: change each line of policy/ in each way mutmut knows; some test must see it.

Its tables and constants are changed by tests/mutation_of_tables.py, since mutmut passes them by.
A change that no test sees, a survivor, is either explained in tests/policy/survivors.yaml or the
run fails. Survivors are known by file, function and the text of the changed lines, so that an
explanation outlives an edit elsewhere and ends with its line. Why mutmut: docs/decisions/mutation.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml


ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "tests/policy/survivors.yaml"
WORK = ROOT / "build/mutation"  # a copy: nobody's edit gets into a run
COPIED = (
    "pyproject.toml",
    "docs/states.md",
    "docs/states.py",
    "src/darkroom",
    "tests/conftest.py",
    "tests/model",
    "tests/mutation_of_tables.py",
    "tests/policy",
)
SEEN = ("killed", "timeout")  # a test failed, or the change never came to an end
MUTMUT = Path(sys.executable).with_name("mutmut")
NAME = re.compile(
    r"darkroom\.policy\.(?P<file>\w+)\.x(?:ǁ(?P<noun>\w+)ǁ|_)(?P<function>\w+)__mutmut_\d+"
)


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One change of one function or table.

    Attributes:
        function: or the name of the table.
        was, now: the lines before and after, each stripped, joined by blanks.
    """

    file: str
    function: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.file} {self.function}\n    was: {self.was}\n    now: {self.now}"


def read_explained(path: Path = EXPLAINED) -> dict[Change, str]:
    """The explained survivors, with the reason of each."""
    listed = yaml.safe_load(path.read_text()) or []
    found = {}
    for entry in listed:
        reason = entry.pop("reason")
        change = Change(**entry)
        if not reason.strip() or change in found:
            raise ValueError(f"no reason, or twice: {change}")
        found[change] = reason
    return found


def of_wording(change: Change) -> bool:
    """Whether only the letters of one sentence changed: what it says is read by people.

    A text without a blank in it is a key, a state or a field, and no sentence.
    """
    was = change.was
    for mark in "'\"":
        marks = [place for place, letter in enumerate(was) if letter == mark]
        for first, last in pairwise(marks):
            text = was[first + 1 : last]
            ways = {f"XX{text}XX", text.lower(), text.upper()}
            if " " in text and change.now in {f"{was[: first + 1]}{w}{was[last:]}" for w in ways}:
                return True
    return False


def change_of(name: str, diff: str) -> Change:
    """What a mutant changes, from mutmut's name for it and its unified diff."""
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"not a mutant of the policy: {name}")
    noun = f"{found['noun']}." if found["noun"] else ""
    body = diff.partition("@@")[2].splitlines()
    was, now = (
        " ".join(line[1:].strip() for line in body if line.startswith(sign)) for sign in "-+"
    )
    return Change(f"{found['file']}.py", noun + found["function"], was, now)


def make_copy() -> None:
    """Put what a run needs where nobody edits it."""
    shutil.rmtree(WORK, ignore_errors=True)
    for name in COPIED:
        source, target = ROOT / name, WORK / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _start(*command: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=WORK,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _end(process: subprocess.Popen[str], said: list[str]) -> None:
    if process.wait():
        sys.exit("\n".join([*said[-60:], f"{process.args} ended with {process.returncode}"]))


def of_functions(workers: int) -> tuple[Counter[str], list[Change]]:
    """What became of the changes of functions, and those that no test saw."""
    process = _start(MUTMUT, "run", "--max-children", str(workers))
    _end(process, list(_progress(process.stdout or ())))
    became = dict(
        line.strip().rsplit(": ", 1)
        for line in _said("results", "--all", "true").splitlines()
        if ": " in line
    )
    unseen = [name for name, end in became.items() if end not in SEEN]
    return Counter(became.values()), [change_of(name, _said("show", name)) for name in unseen]


def _progress(lines: Iterable[str]) -> Iterator[str]:
    """All lines; of mutmut's running count one is shown every ten seconds."""
    next_at = 0.0
    for line in lines:
        text = line.strip()
        yield text
        count = re.search(r"(\d+)/(\d+) .*🙁 (\d+)", text)
        if count and time.monotonic() >= next_at:
            next_at = time.monotonic() + 10
            print(f"  {count[1]} of {count[2]} changes tried, {count[3]} survived", flush=True)


def _said(*arguments: str) -> str:
    command = [MUTMUT, *arguments]
    return subprocess.run(command, cwd=WORK, check=True, capture_output=True, text=True).stdout


def of_tables(workers: int) -> tuple[Counter[str], list[Change]]:
    """The same for tables and constants."""
    module = "tests.mutation_of_tables"
    parts = [
        _start(sys.executable, "-m", module, str(part), str(workers)) for part in range(workers)
    ]
    became: Counter[str] = Counter()
    unseen = []
    for part in parts:
        said = []
        for line in part.stdout or ():
            said.append(line.strip())
            if line.startswith("{"):
                tried = json.loads(line)
                became["killed" if tried["seen"] else "survived"] += 1
                if not tried["seen"]:
                    where = f"{tried['module']}.py", tried["table"]
                    unseen.append(Change(*where, tried["was"], tried["now"]))
                if became.total() % 20 == 0:
                    print(f"  {became.total()} entries of tables tried", flush=True)
        _end(part, said)
    return became, unseen


def judge(survivors: Iterable[Change], explained: dict[Change, str]) -> tuple[list[Change], ...]:
    """Survivors without an explanation, and explanations without a survivor."""
    left = {change for change in survivors if not of_wording(change)}
    return sorted(left - explained.keys()), sorted(explained.keys() - left)


def main() -> int:
    """Run, compare, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    began = time.monotonic()
    make_copy()
    counts, survivors = of_functions(workers)
    of_entries, unseen = of_tables(workers)
    survivors += unseen
    counts += of_entries
    explained = read_explained()
    unexplained, stale = judge(survivors, explained)
    print(f"{counts.total()} changes in {time.monotonic() - began:.0f} s: ", end="")
    print(", ".join(f"{count} {end}" for end, count in counts.most_common()))
    wording = sum(map(of_wording, survivors))
    print(f"of the survivors {wording} change only the letters of a sentence,", end=" ")
    print(f"{len(explained)} are explained in {EXPLAINED.relative_to(ROOT)}")
    for title, changes in (
        ("No test sees these; write one, or explain them", unexplained),
        ("These are explained and do not survive; remove them", stale),
    ):
        if changes:
            print(f"\n{title}:", *map(str, changes), sep="\n  ")
    return 1 if unexplained or stale or not of_entries or counts == of_entries else 0


if __name__ == "__main__":
    sys.exit(main())
