"""sandbox.yaml: what is wrong is told with file and line, and nothing is guessed."""

from pathlib import Path

import pytest

from darkroom.config.sandbox_file import SERVER, sandbox_file
from darkroom.errors import SpecError


DIGEST = "sha256:" + "1" * 64
GOOD = f"""namespace: darkroom-north-jobs
template: job.yaml
environments:
  tflite: {{image: "registry.example:5000/darkroom-runtime@{DIGEST}", interpreter: litert}}
mounts:
  - {{path: /exchange, claim: north-exchange}}
  - {{path: /footage/pi-b, claim: north-footage-pi-b}}
canaries: ["10.43.0.1:443", "gateway.example.org:443", "[fd00::1]:443"]
exchange: /exchange
"""


def written(folder: Path, text: str) -> Path:
    (folder / "job.yaml").write_text("kind: Job\n")
    path = folder / "sandbox.yaml"
    path.write_text(text)
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    found = sandbox_file(written(tmp_path, GOOD))

    assert found.namespace == "darkroom-north-jobs"
    assert found.template.content == {"kind": "Job"}
    assert found.environments["tflite"].image.endswith(DIGEST)
    assert [mount.claim for mount in found.mounts] == ["north-exchange", "north-footage-pi-b"]
    assert found.canaries[1:] == (("gateway.example.org", 443), ("fd00::1", 443))
    assert found.server == SERVER


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("namespace:", "namespaces:", 1, "namespaces is not known"),
        ("darkroom-north-jobs", "Darkroom_Jobs", 1, "must be a namespace"),
        ("template: job.yaml", "template: ../job.yaml", 2, "without .."),
        (f"@{DIGEST}", ":latest", 4, "image by digest"),
        ("litert", "torch", 4, "interpreter"),
        ("path: /exchange,", "path: exchange,", 6, "absolute"),
        ("claim: north-footage-pi-b", "claim: ../x", 7, "name of a claim"),
        ("10.43.0.1:443", "10.43.0.1", 8, "host:port"),
        ("10.43.0.1:443", "10.43.0.1:99999", 8, "host:port"),
        ('["10.43.0.1:443", "gateway.example.org:443", "[fd00::1]:443"]', "[]", 8, "1 to 8"),
        ("exchange: /exchange", "exchange: /elsewhere", 9, "below a path of mounts"),
        ("exchange: /exchange", "exchange: /exchange\napi: {server: 'http://x'}", 10, "https://"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in GOOD

    with pytest.raises(SpecError, match=words) as error:
        sandbox_file(written(tmp_path, GOOD.replace(old, new, 1)))

    assert f"sandbox.yaml:{line}:" in error.value.message


def test_a_missing_template_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "job.yaml").unlink()

    with pytest.raises(SpecError, match=r"job\.yaml cannot be read"):
        sandbox_file(path)
