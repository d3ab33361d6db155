"""A node's keys on Kubernetes: one Secret, a copy for one user alone, and never older ones."""

import base64
import json
import os
import pty
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap.node import initialise
from darkroom.bootstrap.node_secret import keys_manifest, take_keys
from darkroom.bootstrap.rotation import rotate
from darkroom.cli.node import node
from darkroom.config import REPOSITORY, domain_config
from darkroom.errors import StateError, TrustError


MAIN = "from darkroom.cli import main; main()"
EAST = REPOSITORY / "domains" / "east"


@pytest.fixture(scope="module")
def keyring():
    return SycKeyring.generate("east", "domain")


@pytest.fixture
def pod(tmp_path):
    """What the node's pod has: a mounted Secret, a folder in memory, a volume of state."""

    class Pod:
        secret = tmp_path / "secret" / "keys.json"
        keys = tmp_path / "keys" / "keys.json"
        state = tmp_path / "state" / "node"

        def hold(self, keyring):
            """Mount a Secret as kubelet does: through links, for the group to read."""
            data = keys_manifest(keyring, "darkroom-east")["data"]["keys.json"]
            behind = self.secret.parent / "..data"
            behind.mkdir(parents=True, exist_ok=True)
            (behind / "keys.json").write_bytes(base64.b64decode(data))
            (behind / "keys.json").chmod(0o440)
            self.secret.unlink(missing_ok=True)
            self.secret.symlink_to("..data/keys.json")

        def start(self, *, maintenance=False):
            """What the initContainer does; the fingerprint that the node would have."""
            keys = self.state / "keys.json" if maintenance else self.keys
            take_keys(self.secret, keys, domain="east", state=self.state)
            return SycKeyring.load(keys).identity.fingerprint

    return Pod()


def test_the_keys_of_the_secret_are_copied_for_one_user_alone(pod, keyring):
    pod.hold(keyring)
    assert pod.start() == pod.start() == keyring.identity.fingerprint
    assert pod.keys.stat().st_mode & 0o777 == 0o600
    assert not (pod.state / "keys.json").exists()


def test_a_missing_secret_is_named_with_the_command_that_makes_it(pod):
    with pytest.raises(StateError, match="Secret east-keys is missing") as refused:
        pod.start()
    assert "darkroom node secret --domain domains/east" in refused.value.next_step
    assert [*pod.keys.parent.iterdir()] == []


def test_a_damaged_secret_is_named_and_nothing_of_it_is_said(pod):
    pod.secret.parent.mkdir()
    pod.secret.write_text('{"format": 1, "jwks": "half of a key')
    with pytest.raises(StateError, match="Secret east-keys is damaged") as refused:
        pod.start()
    assert "half of a key" not in str(refused.value)


def test_a_rotation_goes_from_the_volume_into_the_secret(pod, keyring):
    pod.hold(keyring)
    pod.start(maintenance=True)
    path = pod.state / "keys.json"
    initialise(
        pod.state,
        domain=domain_config(EAST),
        gateway="http://127.0.0.1:9",  # away: it hears of the new keys when the node serves
        owner=SycKeyring.generate("owner", "owner").identity,
        keys=path,
    )
    rotate(pod.state, lambda *_: None)
    later = SycKeyring.load(path)
    assert later.identity.fingerprint != keyring.identity.fingerprint

    assert pod.start(maintenance=True) == later.identity.fingerprint  # it is not undone
    with pytest.raises(StateError, match="keys from before a rotation") as refused:
        pod.start()
    assert "New keys" in refused.value.next_step

    pod.hold(later)
    assert pod.start() == later.identity.fingerprint
    assert not path.exists()  # the Secret has them, and nothing else does


def test_keys_that_have_nothing_to_do_with_the_state_are_refused(pod, keyring):
    pod.hold(keyring)
    pod.start(maintenance=True)
    pod.hold(SycKeyring.generate("east", "domain"))
    with pytest.raises(StateError, match="holds other keys"):
        pod.start()


def test_an_owner_whose_keys_were_handed_over_is_known_by_the_old_file(pod, keyring, tmp_path):
    """The ConfigMap keeps the file of the first day, and the pod starts again."""
    owner = SycKeyring.generate("owner", "owner")
    keyring.save(pod.keys)

    def init(of):
        args = {"gateway": "https://gateway.example.org", "owner": of, "keys": pod.keys}
        return initialise(pod.state, domain=domain_config(EAST), **args)

    init(owner.identity)
    later = owner.rotated(at=time.time())
    store = SqliteNodeStore(pod.state / "node.db")
    store.succeed(later.handovers, time.time())
    store.close()
    init(owner.identity)
    init(later.identity)
    with pytest.raises(TrustError, match="another key"):
        init(SycKeyring.generate("owner", "owner").identity)


def test_the_command_prints_namespace_and_secret_and_no_key_but_in_them(tmp_path):
    public = tmp_path / "east.json"
    done = CliRunner().invoke(node, ["secret", "--domain", str(EAST), "--public", str(public)])
    assert done.exit_code == 0, done.output
    space, secret = (json.loads(each) for each in done.stdout.split("---\n")[1:])
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert secret["metadata"]["namespace"] == space["metadata"]["name"] == "darkroom-east"
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    keys = tmp_path / "keys.json"
    keys.touch(0o600)
    keys.write_bytes(base64.b64decode(secret["data"]["keys.json"]))
    found = SycKeyring.load(keys)
    assert json.loads(public.read_text()) == found.identity.to_mapping()
    words = done.stderr.splitlines()[-1].strip()
    assert SycKeyring.recover(words, "east", "domain").identity == found.identity

    again = CliRunner().invoke(node, ["secret", "--domain", str(EAST), "--keys", str(keys)])
    (same,) = (json.loads(each) for each in again.stdout.split("---\n")[1:])
    assert same["data"] == secret["data"]
    assert "Recovery words" not in again.stderr


def test_the_store_gets_a_secret_of_its_own():
    done = [
        CliRunner().invoke(node, ["secret", "--domain", str(EAST), "--store"]).stdout
        for _ in range(2)
    ]
    one, other = (json.loads(each.removeprefix("---\n")) for each in done)
    assert one["metadata"]["name"] == "east-store"
    assert set(one["data"]) == {"access-key", "secret-key"}
    assert one["data"] != other["data"]


def test_keys_of_somebody_else_are_not_printed(tmp_path):
    SycKeyring.generate("west", "domain").save(tmp_path / "keys.json")
    done = CliRunner().invoke(
        node, ["secret", "--domain", str(EAST), "--keys", str(tmp_path / "keys.json")]
    )
    assert isinstance(done.exception, StateError)
    assert done.stdout == ""


def test_keys_are_not_shown_to_a_terminal():
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "node", "secret", "--domain", str(EAST)],
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode != 0
    assert "scrollback" in done.stderr
