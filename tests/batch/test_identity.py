"""The service identity travels in a Secret, and never in an output."""

import base64
import json
import stat

import pytest

from darkroom.bootstrap.batch_identity import lay_out, open_identity, secret_manifest
from darkroom.bootstrap.batch_outputs import WITHHELD, withhold
from darkroom.bootstrap.scientist import connect
from darkroom.errors import InputError, StateError
from tests.batch.notebooks import a_notebook


def mounted(tmp_path, home):
    """The Secret of a home, as a pod sees it."""
    folder = tmp_path / "identity"
    folder.mkdir()
    for name, data in json.loads(secret_manifest(home, "robot", "batch"))["data"].items():
        (folder / name).write_bytes(base64.b64decode(data))
        (folder / name).chmod(0o440)
    return folder


def test_a_pod_is_who_the_secret_says_and_keeps_what_it_remembers(tmp_path, home, robot):
    secret, state, keys = mounted(tmp_path, home), tmp_path / "state", tmp_path / "keys" / "k.json"
    lay_out(secret, state, keys)
    connect(state.parent / "home", run_log="")  # the original stays of use
    (state / "pins.sqlite").write_bytes(b"moved on")
    lay_out(secret, state, keys)

    assert open_identity(state, keys).public == robot.identity
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert (state / "pins.sqlite").read_bytes() == b"moved on"
    assert not (state / "keys.json").exists()


def test_keys_may_lie_apart_from_the_home(tmp_path, home, robot, monkeypatch):
    (home / "keys.json").rename(tmp_path / "apart.json")
    monkeypatch.setenv("DARKROOM_HOME", str(home))
    monkeypatch.setenv("DARKROOM_KEYS", str(tmp_path / "apart.json"))

    assert connect(run_log="").identity == robot.identity


def test_a_secret_that_lacks_a_file_says_how_to_make_it(tmp_path, home):
    secret = mounted(tmp_path, home)
    (secret / "profile.json").unlink()

    with pytest.raises(StateError) as missing:
        lay_out(secret, tmp_path / "state", tmp_path / "keys.json")
    assert "darkroom batch secret" in missing.value.next_step


@pytest.mark.parametrize("name", ["Robot", "a/b", "", "-x", "x" * 64])
def test_a_name_that_kubernetes_does_not_take_is_refused(home, name):
    with pytest.raises(InputError, match="no name for Kubernetes"):
        secret_manifest(home, name, "batch")


@pytest.mark.parametrize("notation", ["as it stands", "hexadecimal", "base64", "wrapped"])
def test_a_private_key_is_withheld_in_every_usual_notation(tmp_path, home, notation):
    secrets = open_identity(home, home / "keys.json").secrets
    key = json.loads((home / "keys.json").read_text())["jwks"]["identity_dh"]["d"]
    raw = base64.urlsafe_b64decode(key + "=")
    shown = {
        "as it stands": f"{{'d': '{key}'}}",
        "hexadecimal": raw.hex(),
        "base64": base64.b64encode(raw).decode(),
        "wrapped": f"{key[:20]}\n    {key[20:]}",
    }[notation]
    path = a_notebook(tmp_path / "n.ipynb", "1", "2")
    content = json.loads(path.read_text())
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": [shown]}}
    content["cells"][2]["outputs"] = [output]
    path.write_text(json.dumps(content))

    assert withhold(path, secrets) == [2]
    assert WITHHELD in path.read_text()
    assert raw.hex() not in path.read_text()
    assert key[:20] not in path.read_text()


def test_a_secret_in_a_source_leaves_no_file(tmp_path, home):
    secrets = open_identity(home, home / "keys.json").secrets
    path = a_notebook(tmp_path / "n.ipynb", f"key = '{next(iter(secrets))}'")

    with pytest.raises(StateError, match="in a source or a parameter"):
        withhold(path, secrets)
    assert not path.exists()
