"""The manifests that stand in the repository. `python -m tests.helm.golden` writes them again.

It also brings the chart's copy of the job template up to date: charts read no file outside.
"""

import shutil
from pathlib import Path

from tests.helm.chart import ALL, CHART, REPOSITORY, manifest


GOLDEN = Path(__file__).parent / "golden"
TEMPLATE = REPOSITORY / "src/darkroom/adapters/sandbox/kubernetes/job_template.yaml"
COPY = CHART / "files" / "job.yaml"


def golden(domain: str) -> Path:
    """The file of a domain."""
    return GOLDEN / f"{domain}.yaml"


def main() -> None:
    """Write what Helm renders now; `git diff` shows what changed."""
    shutil.copyfile(TEMPLATE, COPY)
    GOLDEN.mkdir(exist_ok=True)
    for domain in ALL:
        golden(domain).write_text(manifest(domain))


if __name__ == "__main__":
    main()
