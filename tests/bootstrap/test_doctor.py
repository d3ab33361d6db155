"""A doctor names what is wrong and the cure, and changes nothing."""

import datetime as dt
import json
import socket
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.bootstrap import doctor_machine as machine
from darkroom.bootstrap.doctor import Finding, examine
from darkroom.bootstrap.doctor_gateway import GatewayDoctor
from darkroom.bootstrap.doctor_node import NodeDoctor
from darkroom.bootstrap.gateway import GatewaySettings
from darkroom.bootstrap.node import initialise
from darkroom.bootstrap.owner import init_owner
from darkroom.cli import cli
from darkroom.config import domain_config
from darkroom.model.job import Limits
from darkroom.model.site_policy import SitePolicy
from darkroom.post.invitation import Invitation
from tests.config.test_sandbox_file import GOOD, written
from tests.gateway.serving import serving


NEEDS_NO_PROBE = ("domain.yaml", "folder", "keys", "database", "memory", "gateway")


def domain(folder: Path, name: str = "north", workers: int = 2) -> Path:
    place = folder / "domains" / name
    place.mkdir(parents=True)
    (place / "domain.yaml").write_text(
        f"domain: {name}\ntitle: North\nworkers: {workers}\n"
        "environments: {tflite: litert}\nfootage: folder\n"
    )
    return place


@pytest.fixture(scope="module")
def olga():
    return SycKeyring.generate("olga", "owner")


@pytest.fixture
def node(tmp_path, olga):
    """A node that was initialised and has a signed policy."""
    place, state = domain(tmp_path), tmp_path / "state"
    initialise(state, domain=domain_config(place), gateway="http://127.0.0.1:1",
               owner=olga.identity)  # fmt: skip
    policy = SitePolicy(version=3, domain="north", limits=Limits(memory_mib=700))
    store = SqliteNodeStore(state / "node.db")
    store.put_policy(olga.sign("policy", policy.to_mapping()), 3, 0.0)
    store.close()
    return place, state


def examined(doctor, *names: str) -> dict[str, Finding]:
    """The worst finding of each check, of these checks or of all."""
    checks = [check for check in doctor.checks() if not names or check[0] in names]
    worst: dict[str, Finding] = {}
    for finding in examine(checks):
        order = ("ok", "warn", "fail")
        known = worst.get(finding.check)
        if known is None or order.index(finding.level) > order.index(known.level):
            worst[finding.check] = finding
    return worst


def look_at(node, gateway="http://127.0.0.1:1", **more) -> dict[str, Finding]:
    place, state = node
    return examined(NodeDoctor(state, place, gateway, **more), *NEEDS_NO_PROBE)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


# ------------------------------------------------------------------------------ the node


def test_a_node_in_order(node):
    found = look_at(node)

    assert {name: f.level for name, f in found.items()} == {
        "domain.yaml": "ok", "folder": "ok", "keys": "ok", "database": "ok", "state": "ok", "owner": "ok",
        "policy": "ok", "datasets": "warn", "memory": "ok", "gateway": "fail",
    }  # fmt: skip
    assert "did not answer" in found["gateway"].what
    assert "goes on without" in found["gateway"].cure
    assert "version 3" in found["policy"].what


def test_nothing_is_changed_or_made_by_looking(node, tmp_path):
    place, _ = node
    before = files(tmp_path)
    look_at(node)
    assert files(tmp_path) == before

    found = look_at((place, tmp_path / "nowhere"))
    assert found["folder"].level == found["keys"].level == found["database"].level == "fail"
    assert not (tmp_path / "nowhere").exists()


def test_on_a_cluster_a_missing_secret_comes_with_the_command_that_makes_it(node, tmp_path):
    found = look_at(node, keys=tmp_path / "keys" / "keys.json", sandbox=tmp_path / "sandbox.yaml")[
        "keys"
    ]

    assert (found.level, "Secret" in found.what) == ("fail", True)
    assert "darkroom node secret" in found.cure


def test_on_a_cluster_volumes_and_canaries_are_looked_at(node, tmp_path):
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    with socket.socket() as canary:
        canary.bind(("127.0.0.1", 0))
        canary.listen()
        text = GOOD.replace("/exchange,", f"{exchange},").replace(
            "exchange: /exchange", f"exchange: {exchange}"
        )
        others = text.partition("canaries: [")[2].partition("]\n")[0]
        dead = written(tmp_path, text.replace(others, '"127.0.0.1:1"'))
        place, state = node
        found = examined(NodeDoctor(state, place, "http://127.0.0.1:1", sandbox=dead), "footage")
        assert found["canaries"].level == "fail"
        assert "pi-b is not mounted" in found["volumes"].what
        port = canary.getsockname()[1]
        dead.write_text(dead.read_text().replace("127.0.0.1:1", f"127.0.0.1:{port}"))
        found = examined(NodeDoctor(state, place, "http://127.0.0.1:1", sandbox=dead), "footage")
        assert found["canaries"].level == "ok"


def test_key_files_that_others_read_and_keys_of_others(node, tmp_path):
    _, state = node
    (state / "keys.json").chmod(0o644)
    found = look_at(node)["keys"]
    assert (found.level, "chmod 600" in found.cure) == ("fail", True)

    SycKeyring.generate("south", "domain").save(tmp_path / "south.json")
    found = look_at(node, keys=tmp_path / "south.json")["keys"]
    assert (found.level, "south" in found.what) == ("fail", True)


def test_a_damaged_ledger_and_a_folder_that_is_open(node):
    _, state = node
    state.chmod(0o755)
    database = state / "node.db"
    store = SqliteNodeStore(database)
    store._db.execute("DROP TRIGGER ledger_is_kept")
    store.close()
    found = look_at(node)

    assert (found["folder"].level, "o-rwx" in found["folder"].cure) == ("fail", True)
    assert found["database"].level == "fail"
    assert "ledger_is_kept" in found["database"].what


def test_without_a_policy_nothing_runs_and_it_says_who_signs(tmp_path, olga):
    place, state = domain(tmp_path), tmp_path / "state"
    initialise(state, domain=domain_config(place), gateway="http://127.0.0.1:1",
               owner=olga.identity)  # fmt: skip
    found = look_at((place, state))["policy"]

    assert (found.level, "darkroom policy sign" in found.cure) == ("fail", True)


def test_two_domains_with_one_name_hear_whose_it_is(node, tmp_path, olga):
    place, state = node
    other = tmp_path / "other"
    mine = SycKeyring.load(state / "keys.json").identity
    theirs = initialise(other, domain=domain_config(place), gateway="", owner=olga.identity)
    with serving(tmp_path / "gateway") as gateway:
        free = look_at(node, gateway.address)
        assert (free["gateway"].level, free["name"].level) == ("ok", "warn")
        with gateway.relay(theirs) as relay:
            with pytest.raises(Exception, match="nobody is registered"):
                relay.identity("north")  # looking did not claim it
            relay.register(theirs.identity)

        taken = look_at(node, gateway.address)["name"]
        assert taken.level == "fail"
        assert theirs.identity.fingerprint in taken.what
        assert mine.fingerprint in taken.what
        held = look_at((place, other), gateway.address)
        assert (held["name"].level, held["clock"].level) == ("ok", "ok")


# ---------------------------------------------------------------------------- the machine


def pi(root: Path, *, memory_mib: int, cmdline: str, controllers: str = "cpu pids") -> Path:
    """The files of a Raspberry Pi that a doctor reads."""
    for name, content in {
        "proc/meminfo": f"MemTotal: {memory_mib << 10} kB\nMemFree: 1 kB\n",
        "proc/cmdline": cmdline,
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "sys/fs/cgroup/cgroup.controllers": controllers,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("memory", "jobs", "workers", "level", "cure"),
    [
        (4096, 1024, 2, "ok", ""),
        (2048, 1024, 2, "fail", "set workers: 1"),
        (1024, 1024, 1, "fail", "memory_mib in the policy below 512"),
    ],
)
def test_a_pi_with_too_little_memory(tmp_path, memory, jobs, workers, level, cure):
    root = pi(tmp_path, memory_mib=memory, cmdline="")
    (found,) = machine.memory(jobs, workers, root)

    assert found.level == level
    assert cure in found.cure


def test_the_limit_of_a_pod_counts_and_not_the_machine_under_it(tmp_path):
    root = pi(tmp_path, memory_mib=8192, cmdline="")
    (root / "sys/fs/cgroup/memory.max").write_text(str(300 << 20))
    (found,) = machine.memory(1024, 1, root)

    assert (found.level, "300 MiB" in found.what) == ("fail", True)


@pytest.mark.parametrize(
    ("cmdline", "level", "words"),
    [
        ("console=tty1", "fail", "cgroup_memory=1 and cgroup_enable=memory"),
        ("cgroup_memory=1 console=tty1", "fail", "lacks cgroup_enable=memory"),
        ("cgroup_memory=1 cgroup_enable=memory", "warn", "no control group of this process"),
    ],
)
def test_a_pi_whose_kernel_does_not_limit_memory(tmp_path, cmdline, level, words):
    root = pi(tmp_path, memory_mib=4096, cmdline=cmdline)
    found = next(f for f in machine.kernel(root) if f.check == "control groups")

    assert (found.level, words in found.what) == (level, True)
    assert "cmdline.txt" in found.cure


def test_a_check_that_faints_is_a_finding():
    def faint():
        raise ValueError("a private value")

    (found,) = examine([("heart", faint)])
    assert (found.level, found.what) == ("fail", "this check failed itself: ValueError")


# ------------------------------------------------------------------------- other roles


def certificate(path: Path, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example.org")])
    now = dt.datetime.fromtimestamp(SystemClock().now(), dt.UTC)
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1).not_valid_before(now - 90 * day)
        .not_valid_after(now + (days + 0.5) * day).sign(key, hashes.SHA256())
    )  # fmt: skip
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("days", "level"), [(60, "ok"), (7, "warn"), (-3, "fail")])
def test_a_certificate_that_ends(tmp_path, days, level):
    path = certificate(tmp_path / "tls.crt", days)
    settings = GatewaySettings(state=tmp_path, tls_cert=path, tls_key=path)

    assert examined(GatewayDoctor(settings), "certificate")["certificate"].level == level


def test_a_public_address_that_is_somebody_else(tmp_path):
    with serving(tmp_path / "one") as gateway:
        settings = GatewaySettings(state=tmp_path / "one", public_urls=(gateway.address,))
        ours = examined(GatewayDoctor(settings), "public address", "database", "blobs")
        assert {f.level for f in ours.values()} == {"ok"}
    gone = examined(GatewayDoctor(settings), "public address")["public address"]
    assert (gone.level, "port forwarding" in gone.cure) == ("warn", True)


def run(*arguments: object):
    return CliRunner().invoke(cli, ["doctor", *map(str, arguments)])


def invitation(ends: float) -> str:
    return Invitation.mint(
        gateway="http://127.0.0.1:1", domain="north", domain_fingerprint="sha256:" + "0" * 64,
        scientist="alice", expires_at=SystemClock().now() + ends,
    ).encode()  # fmt: skip


def test_an_expired_invitation_says_how_to_get_a_new_one(tmp_path):
    line = invitation(-60.0)
    done = run("scientist", "--home", tmp_path / "home", "--invitation", line)

    assert done.exit_code == 1
    assert "darkroom owner invite alice" in done.output
    assert line[12:60] not in done.output
    assert not (tmp_path / "home").exists()
    fresh = run("scientist", "--home", tmp_path / "home", "--invitation", invitation(60.0))
    assert "ok    invitation" in fresh.output


def test_an_owner_whose_keys_have_no_copy_is_told(tmp_path):
    state = tmp_path / "owner"
    init_owner(state, domain="north", gateway="http://127.0.0.1:1")
    done = run("owner", "--state", state, "--json")

    found = {entry["check"]: entry for entry in json.loads(done.output)}
    assert found["keys"]["level"] == "ok"
    assert (found["backup"]["level"], found["domain"]["level"]) == ("warn", "warn")
    assert found["gateway"]["level"] == "fail"
    assert done.exit_code == 1
    secret = json.loads((state / "keys.json").read_text())["statement_keys"][0]["seed"]
    assert secret not in done.output
    assert stat.S_IMODE((state / "keys.json").stat().st_mode) == 0o600
    copied = run("owner", "--state", state, "--backup", state, "--json")
    assert '"check": "backup",\n  "level": "ok"' in copied.output


def test_cameras_are_asked_whether_they_answer(tmp_path):
    place = domain(tmp_path)
    with (place / "domain.yaml").open("a") as file:
        file.write(
            "cameras:\n"
            "  - {id: gate, url: 'rtsp://127.0.0.1:1/stream', credentials: gate-login}\n"
            f"  - {{id: spool, folder: {tmp_path}, masks: [[[0, 0], [9, 0], [9, 9]]]}}\n"
            "  - {id: usb, device: /dev/video99}\n"
        )
    done = run("ingest", "--domain", place, "--footage", tmp_path, "--credentials", tmp_path)

    assert done.exit_code == 1
    assert "fail  camera gate: 127.0.0.1:1 does not answer" in done.output
    assert f"there are no credentials at {tmp_path / 'gate-login'}" in done.output
    assert "ok    camera spool" in done.output
    assert "fail  camera usb: there is no device /dev/video99" in done.output
    assert "camera gate has no mask" in done.output
    assert "camera spool has no mask" not in done.output


def test_ingest_is_asked_for_the_folder_that_its_pod_may_write(tmp_path):
    own = tmp_path / "exchange" / "arrivals" / "pi-b"
    place = domain(tmp_path)
    first = tmp_path / "exchange"
    first.mkdir()
    words = ("ingest", "--domain", place, "--exchange", first, "--pi", "pi-b")

    before = run(*words)
    own.mkdir(parents=True)
    after = run(*words)

    assert f"folder: {first} can be written" in before.output
    assert f"folder: {own} can be written" in after.output
    assert f"{first} can be" not in after.output


def test_without_a_way_into_a_cluster_it_says_what_to_name(tmp_path):
    done = run("cluster", "north", "--kubeconfig", tmp_path / "none")

    assert "--kubeconfig" in done.exception.next_step
    assert str(tmp_path / "none") in done.exception.message
