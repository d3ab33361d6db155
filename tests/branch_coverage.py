"""`make coverage`: which lines and branches of the core and of the node the tests run.

All of model/ and policy/, and nearly all of node/: what is not run there stands in
docs/coverage.md, by function and with its reason, and that list is checked in both directions.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


ROOT = Path(__file__).parents[1]
WORK = ROOT / "build/coverage"
LISTED = ROOT / "docs/coverage.md"
MARKS = {"model": 100.0, "policy": 100.0, "node": 95.0}  # per cent of lines and branches
TESTS = ("model", "policy", "node", "config", "footage", "ingest")
ROW = re.compile(r"\| `(?P<file>[\w/]+\.py)` \| `(?P<function>[\w.]+)` \| (?P<reason>\S.*) \|")


@dataclass(frozen=True, slots=True, order=True)
class Miss:
    """A function with lines or branches that no test runs.

    Attributes:
        lines: of the file, as coverage.py counts them; `a->b` is a branch.
    """

    file: str
    function: str
    lines: tuple[str, ...] = ()


def measure(arguments: list[str]) -> dict[str, Any]:
    """Run the tests under coverage.py, and what it has to say."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    environment = {**os.environ, "COVERAGE_FILE": str(WORK / "data")}
    coverage = [sys.executable, "-m", "coverage"]

    def run(*words: str) -> int:
        return subprocess.run([*coverage, *words], cwd=ROOT, env=environment).returncode

    tests = [f"tests/{name}" for name in TESTS]
    status = run("run", "-m", "pytest", "-q", "--hypothesis-profile=repeatable", *tests, *arguments)
    run("combine", "--quiet")
    wanted = ",".join(f"src/darkroom/{package}/*" for package in MARKS)
    if status:
        sys.exit("a test failed: what it would have run is missing here")
    if run("json", "--quiet", f"--include={wanted}", "-o", str(WORK / "coverage.json")):
        sys.exit("a file changed meanwhile: run it again")
    return json.loads((WORK / "coverage.json").read_text())


def share(files: list[dict[str, Any]]) -> tuple[int, int]:
    """Lines and branches that were run, of how many."""
    sums = [file["summary"] for file in files]
    run = sum(each["covered_lines"] + each["covered_branches"] for each in sums)
    return run, sum(each["num_statements"] + each["num_branches"] for each in sums)


def misses(files: dict[str, Any]) -> Iterator[Miss]:
    """Every function that was not run whole."""
    for path, file in sorted(files.items()):
        for function, found in file["functions"].items():
            lines = found["missing_lines"]
            branches = [(a, b) for a, b in found["missing_branches"] if a not in lines]
            told = (*map(str, lines), *(f"{a}->{b if b > 0 else 'exit'}" for a, b in branches))
            if told:
                yield Miss(path.partition("darkroom/")[2], function or "module", told)


def listed() -> dict[tuple[str, str], str]:
    """The misses of the node that docs/coverage.md tells, with the reason of each."""
    return {
        (row["file"], row["function"]): row["reason"] for row in ROW.finditer(LISTED.read_text())
    }


def main() -> int:
    """Measure, compare, tell."""
    files = measure(sys.argv[1:])["files"]
    failed = False
    print(f"\n{'package':<10}{'files':>6}{'run':>8}{'of':>8}{'per cent':>10}{'at least':>10}")
    for package, mark in MARKS.items():
        own = {path: f for path, f in files.items() if f"/darkroom/{package}/" in path}
        run, total = share(list(own.values()))
        percent = 100 * run / max(total, 1)
        print(f"{package + '/':<10}{len(own):>6}{run:>8}{total:>8}{percent:>10.2f}{mark:>10.0f}")
        failed |= not own or run < total * mark / 100
    found = list(misses(files))
    print("\nnot run:" if found else "\neverything is run")
    for miss in found:
        print(f"  {miss.file} {miss.function}: {', '.join(miss.lines)}")
    told = listed().keys()
    missed = {(miss.file, miss.function) for miss in found if miss.file.startswith("node/")}
    for title, names in (
        (f"not in {LISTED.relative_to(ROOT)}; write a test, or the reason", missed - told),
        (f"in {LISTED.relative_to(ROOT)}, but run; remove them there", told - missed),
    ):
        if names:
            print(f"\n{title}:", *(" ".join(name) for name in sorted(names)), sep="\n  ")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
