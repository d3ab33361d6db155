"""A node that serves is backed up, lost, restored and served again, as processes."""

import shutil

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from tests.node.processes import Running, call, freeze, write_domain, write_identity


pytestmark = pytest.mark.e2e


def ok(*arguments: object) -> str:
    done = call(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_a_backup_to_a_domain_that_serves_again(tmp_path):
    freeze(tmp_path)
    olga = SycKeyring.generate("olga", "owner")
    domain, state, fresh = write_domain(tmp_path, workers=1), tmp_path / "state", tmp_path / "new"
    file, stale = tmp_path / "north.backup", tmp_path / "stale"
    with Running("gateway", "serve", "--state", tmp_path / "gateway", "--port", 0) as gateway:
        address = gateway.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]
        ok(
            "node", "init", "--state", state, "--domain", domain, "--gateway", address,
            "--owner", write_identity(tmp_path / "olga.json", olga),
            "--public", tmp_path / "north.json",
        )  # fmt: skip
        serve = ("node", "serve", "--domain", domain, "--gateway", address, "--state")
        with Running(*serve, state) as node:
            node.wait_for("is ready")
            ok("backup", "--state", state, "--with-keys", file)
        shutil.copytree(state, stale)
        with Running(*serve, state) as node:
            node.wait_for("is ready")
            ok("backup", "--state", state, tmp_path / "later.backup")  # the log grew, and is shown
        with Running(*serve, stale) as node:
            node.wait_for("charged jobs wait: .* an old copy")
        assert "charged jobs" in ok("node", "status", "--state", stale)
        said = ok("restore", "--state", fresh, "--yes", "--keys", state / "keys.json", file)
        assert "epoch 2" in said
        assert "entries of the log were shown since and are lost" in said
        with Running(*serve, fresh) as node:
            node.wait_for("is ready")
            assert "charged jobs wait" not in "\n".join(node.lines)
        assert "charged jobs" not in ok("node", "status", "--state", fresh)
        with Running(*serve, state) as node:  # the old state, which must never run again
            node.wait_for("taken|held|another")
            assert node._reap() == 2
    ok("audit", "verify", "--state", fresh)
