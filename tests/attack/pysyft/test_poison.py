"""A5, A6: one bad message, and nobody behind it is heard any more.

The stock engine handles peers one after the other and leaves a message that raised where it
was: every later sync raises at the same place.
"""

import gzip
import io
import json
import secrets
import tarfile

import pytest
from syft.sync.utils.syftbox_utils import compress_data

from tests.attack.pysyft.site import ALICE, BOB, NORTH
from tests.attack.pysyft.stock import town as stock
from tests.attack.worlds import deliver, slip


MAIN = stock.inbox(BOB) + "/code/main.py"
READ = "cannot be read"


def starves(town) -> bool:
    """Whether alice's job is never heard of, however often the owner syncs."""
    town.submit(stock.ALICE)
    for _ in range(3):
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the engine raises
            town[stock.NORTH].sync()
    town.open(stock.NORTH)
    with pytest.raises(Exception):  # noqa: B017, PT011 - a restart does not help
        town[stock.NORTH].sync()
    return town.state(by=stock.ALICE) == ""


def packed(form: object) -> bytes:
    return compress_data(json.dumps(form).encode())


def tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data) if kind == tarfile.REGTYPE else 0
            info.linkname = "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def bomb() -> bytes:
    """A few kilobytes that unfold to 64 MiB."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        for _ in range(8):
            file.write(bytes(8 << 20))
    return buffer.getvalue()


# ------------------------------------------------------------------------- the stock engine


@pytest.mark.attack("A5", control="off")
def test_stock_a_bogus_hash_starves_every_peer_behind(town):
    town.say(stock.BOB, {stock.inbox(stock.BOB) + "/code/a.py": "x"}, old_hash="0" * 12)

    assert starves(town)


@pytest.mark.attack("A6", control="off")
def test_stock_an_unsigned_message_in_a_peers_slot_is_no_job(town):
    """The engine itself blocks this one; what becomes of the sync is A6b."""
    message = stock.proposal(town.hostile_job(stock.BOB), sender=stock.BOB)
    name = message.message_filename.as_string()
    town.relay.put(f"p2p/{stock.NORTH}/inbox/{stock.BOB}/{name}", message.as_compressed_data())

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the engine raises
        town[stock.NORTH].sync()

    assert town.state(by=stock.BOB) == ""


@pytest.mark.attack("A6b", control="off")
def test_stock_an_unsigned_message_starves_every_peer_behind(town):
    message = stock.proposal(town.hostile_job(stock.BOB), sender=stock.BOB)
    name = message.message_filename.as_string()
    town.relay.put(f"p2p/{stock.NORTH}/inbox/{stock.BOB}/{name}", message.as_compressed_data())

    assert starves(town)


# --------------------------------------------------------------------------------- a domain


@pytest.mark.attack("A5", control="on")
def test_a_bogus_hash_is_put_aside_and_the_next_one_heard(site):
    """There is nothing that a message could change: what claims to is refused."""
    site.refuses("there already", *[site.attack({MAIN: "x"}, old_hash="0" * 12) for _ in range(3)])


@pytest.mark.attack("A5", control="on")
def test_a_change_that_is_none_is_put_aside(site):
    for fields, why in [
        ({"content": None, "is_deleted": True}, "delete"),
        ({"content": "x", "old_hash": 5}, "there already"),
        ({"content": "x", "new_hash": "0" * 64}, "hash"),
        ({"content": "eA==", "content_type": "binary"}, "not text"),
        ({"content": ["x"]}, "not text"),
        ({"content": "x", "datasite_email": ALICE}, "another datasite"),
        ({"content": "x", "datasite_email": 7}, "no datasite"),
        ({"content": "x", "path_in_datasite": None}, "no path"),
        ({"content": "x", "executable": True}, "unknown fields"),
    ]:
        site.refuses(why, site.raw({MAIN: fields}, beside=True))


@pytest.mark.attack("A5", control="on")
def test_bytes_that_are_no_message_are_put_aside(site):
    poison = [
        b"",
        b"not a message",
        gzip.compress(b"not a tar"),
        tar(("other.json", b"{}")),
        tar(("proposed_file_changes.json", b"{}"), ("more", b"")),
        tar(("proposed_file_changes.json", b""), kind=tarfile.SYMTYPE),
        tar(("proposed_file_changes.json", b""), kind=tarfile.FIFOTYPE),
        tar(("/etc/proposed_file_changes.json", b"{}")),
        tar(("proposed_file_changes.json", b"{}")) + b"more",
        tar(("proposed_file_changes.json", b"{}"))[:-9],
        packed([]),
        packed({"proposed_file_changes": []}),
        compress_data(b"[" * 200_000),
        compress_data(b'{"id": NaN}'),
        compress_data(b"\xff\xfe"),
        compress_data(b"1" * 5000),
        bomb(),
        *(secrets.token_bytes(64) for _ in range(10)),
    ]

    site.refuses(READ, *[site.say(site.bob, data).body["job_id"] for data in poison])


@pytest.mark.attack("A5", control="on")
def test_a_letter_that_is_no_submission_is_put_aside(site):
    """Written by hand: the client's side refuses to write most of them."""
    message = site.message(site.bob, site.files(site.bob))
    form = site.declaration.to_mapping()
    bodies = [
        {"job_name": ["count"]},
        {"job_name": "../count"},
        {"job_name": "another"},
        {"declaration": None},
        {"declaration": {"dataset": "plaza"}},
        {"declaration": form | {"more": 1}},
        {"declaration": form | {"dataset": "../plaza"}},
        {"declaration": form | {"models": {"../detector.tflite": "sha256:" + "0" * 64}}},
        {"declaration": form | {"models": {"detector.tflite": "sha256:" + "0" * 64}}},
        {"declaration": form | {"outputs": {}}},
        {"mock": []},
        {"mock": {"x": "y" * 200_000}},
        {"more": 1},
    ]
    aside = [secrets.token_hex(16) for _ in bodies]
    for job_id, change in zip(aside, bodies, strict=True):
        body = site.body() | {"job_id": job_id} | change
        slip(site, body, {"message": message}, kind="pysyft.submit", by=site.bob)

    site.refuses("", *aside)


@pytest.mark.attack("A5", control="on")
def test_numbers_without_measure_are_answered_too(site):
    """More than a database or a clock can hold."""
    form = site.declaration.to_mapping()
    message = site.message(site.bob, site.files(site.bob))
    table = {"type": "table", "columns": {"n": "int"}, "max_rows": 1 << 80}
    histogram = {"type": "histogram", "edges": [0, 10**400]}
    changes = [
        *({"limits": form["limits"] | {name: 1 << 80}} for name in form["limits"]),
        {"outputs": {"t": table}},
        {"outputs": {"h": histogram}},
        {"models": {f"m{n}.tflite": "sha256:" + "0" * 64 for n in range(5000)}},
    ]
    asked = [secrets.token_hex(16) for _ in changes]
    for job_id, change in zip(asked, changes, strict=True):
        body = site.body() | {"job_id": job_id, "declaration": form | change}
        slip(site, body, {"message": message}, kind="pysyft.submit", by=site.bob)
    good = site.honest()
    site.settle()

    assert site.state_of(good) == "screened"
    for job_id in asked:
        assert site.bob.letters("job.state", job_id)[-1].body["state"] == "rejected"
    assert not site.sandbox.started


@pytest.mark.attack("A5", control="on")
def test_who_gives_no_proper_job_id_hears_nothing_and_stops_nobody(site):
    """There is no name under which to answer; it is put aside and noted all the same."""
    message = site.message(site.bob, site.files(site.bob))
    bad = ["", "../../x", "B" * 32, 5, None, "b" * 33]
    for job_id in bad:
        body = site.body() | {"job_id": job_id}
        slip(site, body, {"message": message}, kind="pysyft.submit", by=site.bob)
    good = site.honest()
    site.settle()

    assert [job.job_id for job in site.store.jobs()] == [good]
    assert [sender for _, sender, _ in site.store.quarantined()] == ["bob"] * len(bad)
    assert site.events().count("submission-refused") == len(bad)
    assert not site.bob.letters("job.state")


@pytest.mark.attack("A6", "A6b", control="on")
@pytest.mark.parametrize("slot", ["bob", "alice", "olga"])
def test_what_anybody_drops_into_a_mailbox_is_put_aside(site, slot):
    """Unsigned, or sealed for somebody else: the gateway can put it there under any name."""
    message = site.message(site.bob, site.files(site.bob))
    other = site.bob.keyring.seal(message, site.alice.keyring.identity)
    for data in (message, other, b"", secrets.token_bytes(5000)):
        deliver(site, data, sender=slot)
    good = site.honest()
    site.settle()

    assert [job.job_id for job in site.store.jobs()] == [good]
    assert site.state_of(good) == "screened"
    assert [sender for _, sender, _ in site.store.quarantined()] == [slot] * 4
    assert site.events().count("letter-quarantined") == 4
    assert not site.bob.letters("job.state")
    assert not site.sandbox.started


@pytest.mark.attack("A6b", control="on")
def test_it_stops_nobody_after_a_restart_either(site):
    deliver(site, b"plain", sender="bob")
    site.poll()
    site.restart()

    site.refuses("another", site.attack({MAIN: "x"}, sender=NORTH))
