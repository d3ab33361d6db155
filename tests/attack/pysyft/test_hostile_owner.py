"""A17: a data owner attacks the scientist's machine, or another owner's tree on it."""

import json
import secrets
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from syft.sync.events.file_change_event import FileChangeEvent, FileChangeEventsMessage

from darkroom.model.letter import Letter
from darkroom.ports import Parcel
from darkroom.post import codec
from tests.attack.pysyft.notebook import ALICE, EAST, NORTH, TABLE, Notebook
from tests.attack.pysyft.stock import town as stock
from tests.scientist.conftest import a_card


def event(datasite: str, path: str, content: str | None = "forged") -> FileChangeEvent:
    return FileChangeEvent(
        id=uuid4(), path_in_datasite=path, datasite_email=datasite, content=content,
        new_hash="0" * 12, is_deleted=content is None, submitted_timestamp=1.0, timestamp=1.0,
    )  # fmt: skip


# ------------------------------------------------------------------------- the stock engine


def publish(town, *events: FileChangeEvent) -> None:
    """The owner of `north` sends alice whatever it likes, sealed with its own keys."""
    router = town[stock.NORTH].sync_engine.datasite_owner_syncer.connection_router
    router.owner_write_event_messages_to_outbox(
        stock.ALICE, FileChangeEventsMessage(events=[*events])
    )


@pytest.mark.attack("A17", control="off")
def test_stock_an_owner_writes_into_another_owners_tree(town):
    path = stock.review(stock.ALICE) + "/outputs/result.json"
    publish(
        town, event(stock.SOUTH, path), event(stock.SOUTH, "public/syft_datasets/plaza/mock.txt")
    )

    town[stock.ALICE].sync()

    south = town.box(stock.ALICE) / stock.SOUTH
    assert (south / path).read_text() == "forged"
    assert (south / "public/syft_datasets/plaza/mock.txt").read_text() == "forged"


@pytest.mark.attack("A17b", control="off")
def test_stock_an_owner_overwrites_the_scientists_keys(town):
    publish(town, event(stock.ALICE, "private/crypto_keys.json"))

    town[stock.ALICE].sync()

    assert (town.site(stock.ALICE) / "private/crypto_keys.json").read_text() == "forged"


@pytest.mark.attack("A17c", control="off")
@pytest.mark.parametrize("path", ["../../../escaped", "/tmp/escaped-a17c"])
def test_stock_a_path_out_of_the_box_ends_every_sync(town, path):
    """Nothing is written outside: that the engine blocks. It raises from then on."""
    publish(town, event(stock.NORTH, path))
    town.submit(stock.ALICE, to=stock.SOUTH)
    town[stock.SOUTH].sync()

    for _ in range(3):
        with pytest.raises(Exception, match="outside"):
            town[stock.ALICE].sync()
    assert not Path("/tmp/escaped-a17c").exists()
    assert not (town.folder.parent / "escaped").exists()
    assert not (town.folder / "escaped").exists()


# ------------------------------------------------------------------------------ a notebook


def review(datasite: str) -> str:
    return f"box/{datasite}/{stock.review(ALICE)}"


def answered(notebook: Notebook, honest) -> None:
    """North releases what it was asked for; alice has it after one sync, whatever east does."""
    notebook.bench.domains["north"].say(honest.job_id, "released")
    notebook.bench.domains["north"].release(honest, {"counts": TABLE})
    notebook.client.sync()
    assert notebook.status(NORTH) == "done"
    outputs = notebook.folder / review(NORTH) / "outputs"
    assert json.loads((outputs / "counts.json").read_text()) == [{"camera": "cam1", "n": 2}]
    notebook.client.sync()  # and nothing raises later


def letter(
    notebook: Notebook, kind: str, body: dict, files: dict[str, bytes] | None = None
) -> None:
    """East seals what no honest program writes."""
    east = notebook.bench.domains["east"]
    said = Letter(
        id=secrets.token_hex(16), kind=kind, sender="east", recipient="alice",
        sent_at=notebook.bench.clock.now(), body=body,
    )  # fmt: skip
    plain = codec.encode_letter(said, files or {}, {})
    east.post._relay.send(
        "alice", said.id, east.keyring.seal(plain, notebook.bench.session.identity), expires_in=60
    )


def released(notebook: Notebook, request, outputs: dict[str, bytes], **changed) -> None:
    """East signs a release of these outputs."""
    east = notebook.bench.domains["east"]
    kinds = east.release_body(request, {}) | changed
    kinds["outputs"] = {
        name: {"type": "table", "sha256": codec.digest_bytes(data), "bytes": len(data)}
        for name, data in outputs.items()
    }
    body = {"job_id": request.job_id, "release": east.keyring.sign("release", kinds).to_mapping()}
    letter(notebook, "job.result", body, {f"output/{n}": d for n, d in outputs.items()})


NAMES = [
    "../counts", "../../../../../../north@darkroom/app_data/job/review/alice@darkroom/v1/count/state",
    "/tmp/escaped", "..", ".", "", "a/b", "state.yaml", "syft.pub.yaml", "counts\x00", "COUNTS",
    "log", "release", "counts.json", "\u202ecounts",
]  # fmt: skip


@pytest.mark.attack("A17", "A17c", control="on")
def test_names_that_a_hostile_owner_gives_its_outputs_become_no_path(notebook):
    honest, asked = notebook.submit(NORTH), notebook.submit(EAST)
    notebook.client.sync()
    before = notebook.footprint()
    for name in NAMES:
        try:
            released(notebook, asked, {name: TABLE})
            released(notebook, asked, {"counts": TABLE, name: TABLE})
        except Exception:  # noqa: BLE001 - not even a hostile letter can say that
            continue
    notebook.client.sync()

    assert notebook.status(EAST) == "failed"
    assert notebook.written(before) == {f"{review(EAST)}/state.yaml"}
    assert notebook.bench.session.store.quarantined()
    answered(notebook, honest)


BYTES = [
    b"", b"not json", b"[" * 100_000, b'{"columns": {}, "rows": 5}', b"\xff\xfe",
    TABLE.replace(b"cam1", b"<script>alert(1)</script>"),
]  # fmt: skip


@pytest.mark.attack("A17", control="on")
def test_bytes_that_a_hostile_owner_releases_stop_nothing_and_run_nowhere(notebook):
    honest = notebook.submit(NORTH)
    asked = [notebook.submit(EAST, f"job {number}") for number in range(len(BYTES))]
    notebook.client.sync()
    before = notebook.footprint()
    for request, data in zip(asked, BYTES, strict=True):
        notebook.bench.domains["east"].say(request.job_id, "released")
        released(notebook, request, {"counts": data})
    notebook.client.sync()

    inside = f"box/{EAST}/app_data/job/review/{ALICE}/v1/job "
    assert all(path.startswith(inside) for path in notebook.written(before))
    assert "<script>alert" not in notebook.client.job_client.jobs._repr_html_()
    answered(notebook, honest)


@pytest.mark.attack("A17", "A17c", control="on")
def test_an_owner_says_nothing_about_a_job_at_another_owner(notebook):
    """Signed with its real keys, and about the right job: only the domain asked is believed."""
    honest = notebook.submit(NORTH)
    notebook.client.sync()
    before = notebook.footprint()
    state = {"reasons": [], "seq": 99, "shards": [0, 0]}
    for word in ("rejected", "released", "failed", "approved"):
        letter(notebook, "job.state", {"job_id": honest.job_id, "state": word, **state})
    released(notebook, honest, {"counts": TABLE})
    released(notebook, honest, {"counts": TABLE}, domain="north")
    notebook.client.sync()

    assert notebook.written(before) == set()
    assert len(notebook.bench.session.store.quarantined()) == 6
    answered(notebook, honest)


REASONS = [
    "status: done\nreturn_code: 0", "\x1b[2J\x1b]0;owned\x07", "<img src=x onerror=alert(1)>",
    "'}\n---\nstatus: done", "\u202egnp.exe", "!!python/object/apply:os.system ['id']", "x" * 4000,
]  # fmt: skip


@pytest.mark.attack("A17", "A17c", control="on")
def test_words_of_a_hostile_owner_decide_nothing_and_are_no_markup(notebook):
    honest, asked = notebook.submit(NORTH), notebook.submit(EAST)
    notebook.client.sync()
    before = notebook.footprint()
    notebook.bench.domains["east"].say(asked.job_id, "rejected", *REASONS)
    notebook.client.sync()

    assert notebook.written(before) == {f"{review(EAST)}/state.yaml"}
    text = (notebook.folder / review(EAST) / "state.yaml").read_text()
    assert yaml.safe_load(text)["status"] == "rejected"
    assert not any(c in text for c in "\x1b\x07\u202e<")
    assert notebook.status(EAST) == "rejected"
    assert "<img" not in notebook.client.job_client.jobs._repr_html_()
    answered(notebook, honest)


MALFORMED = [
    {}, {"job_id": 5}, {"job_id": "../../x", "state": "released"},
    {"state": "approved", "reasons": "x"}, {"state": ["done"], "reasons": []},
    {"state": "no such state", "reasons": [], "seq": 1, "shards": [0, 0]},
    {"state": "running", "reasons": [], "seq": 1, "shards": [9, -9]},
    {"state": "running", "reasons": [{}], "seq": 1, "shards": [0, 0]},
    {"state": "running", "reasons": [], "seq": 1 << 80, "shards": [0, 0]},
]  # fmt: skip


@pytest.mark.attack("A17c", control="on")
def test_poison_for_the_scientist_blocks_no_sync(notebook):
    """From an owner with real keys, and from whoever runs the relay."""
    honest, asked = notebook.submit(NORTH), notebook.submit(EAST)
    notebook.client.sync()
    before = notebook.footprint()
    for body in MALFORMED:
        for kind in ("job.state", "job.result"):
            letter(notebook, kind, {"job_id": asked.job_id} | body)
    box = notebook.bench.exchange.boxes.setdefault("alice", [])
    for data in (b"", b"plain", secrets.token_bytes(3000)):
        for name in ("north", "east", "nobody", "../x"):
            notebook.bench.exchange.cursor += 1
            box.append(
                Parcel(
                    cursor=notebook.bench.exchange.cursor,
                    id=secrets.token_hex(16),
                    sender=name,
                    sent_at=0.0,
                    envelope=data,
                )
            )

    answered(notebook, honest)

    changed = notebook.written(before)
    assert all(path.startswith((review(NORTH), review(EAST))) for path in changed), changed
    assert len(notebook.bench.session.store.quarantined()) >= 12 + len(MALFORMED)


def camera(**changed) -> dict:
    return {"id": "c", "width": 64, "height": 48, "fps": 1.0, "frames": 9} | changed


CARDS = [
    {"start": 1 << 62}, {"start": -(1 << 62)}, {"start": 1e300}, {"start": 253402300800},
    {"name": "v1"}, {"name": "plaza2", "description": "<img src=x onerror=alert(1)>\x1b[2J"},
    {"cameras": [camera(width=1 << 30, height=1 << 30, frames=1 << 40)]},
    {"cameras": [camera(fps=1e-300)]},
    {"cameras": [camera(fps=1e300)]},
    {"cameras": [camera(id="../../../c")]},
    {"cameras": [camera(width=1, height=1, frames=1)]},
    {"cameras": [camera(id=f"c{n}") for n in range(3000)]},
    {"classes": ("x" * 100_000,)}, {"look": {"light": "night\x1b[2J" * 99}},
    {"split_frames": {"train": 1 << 70}},
]  # fmt: skip


@pytest.mark.attack("A17c", control="on")
def test_an_absurd_card_costs_its_owner_the_dataset_and_nobody_else(notebook):
    """Signed by a pinned owner; whatever it says, the datasets and jobs of others go on."""
    bench = notebook.bench
    honest = notebook.submit(NORTH)
    notebook.client.sync()
    before = notebook.footprint()
    for number, changed in enumerate(CARDS):
        form = a_card("east").to_mapping() | {"version": f"sha256:{number:064x}"} | changed
        bench.exchange.cards["east"] = [bench.domains["east"].keyring.sign("card", form)]
        bench.clock.time += 60  # what was heard before is old
        heard = len(bench.said)

        notebook.client.sync()

        assert notebook.client.dataset_manager.get("plaza", datasite=NORTH)
        assert all(len(line) < 500 and line.isprintable() for line in bench.said[heard:])
    allowed = "box/east@darkroom/public/"
    assert all(path.startswith(allowed) for path in notebook.written(before))
    answered(notebook, honest)


# ------------------------------------------------- the filter, were an event ever to come in


EVENTS = [
    (EAST, stock.review(ALICE) + "/outputs/result.json"),
    (NORTH, stock.review(ALICE) + "/state.yaml"),
    (NORTH, stock.review(ALICE) + "/outputs/result.json"),
    (NORTH, stock.review(ALICE, "other") + "/state.yaml"),
    (NORTH, stock.inbox(ALICE) + "/code/main.py"),
    (NORTH, stock.inbox(ALICE) + "/run.sh"),
    (NORTH, "public/syft_datasets/plaza/manifest.json"),
    (NORTH, "syft.pub.yaml"),
    (ALICE, "private/crypto_keys.json"),
    (ALICE, stock.review(ALICE) + "/state.yaml"),
    (NORTH, f"../{ALICE}/private/crypto_keys.json"),
    (NORTH, f"../{EAST}/" + stock.review(ALICE) + "/state.yaml"),
    (NORTH, "../../../escaped"),
    ("..", "escaped"),
    (NORTH, "/tmp/escaped-a17c"),
    ("", "SYFT_version.json"),
    (".", "SYFT_version.json"),
    (NORTH, stock.review(ALICE) + "/../../../../../../../escaped"),
]


@pytest.mark.attack("A17", "A17b", "A17c", control="on")
@pytest.mark.parametrize("content", ["forged", None], ids=["write", "delete"])
def test_an_event_that_we_did_not_make_writes_and_deletes_nothing(notebook, content):
    """Handed to the engine itself, as if its transport had brought it."""
    notebook.submit(NORTH)
    notebook.submit(EAST)
    notebook.client.sync()
    before = notebook.footprint()
    watcher = notebook.client.sync_engine.datasite_watcher_syncer.datasite_watcher_cache

    for datasite, path in EVENTS:
        watcher.apply_event_message(
            FileChangeEventsMessage(events=[event(datasite, path, content)])
        )
    notebook.client.sync()

    assert notebook.written(before) == set()
    assert not Path("/tmp/escaped-a17c").exists()


@pytest.mark.attack("A17b", control="on")
def test_no_key_lies_in_the_box(notebook):
    """The engine has none of ours, so there is none to overwrite."""
    notebook.submit(NORTH)
    notebook.client.sync()

    assert not list(notebook.box.rglob("*crypto_keys*"))
    assert not notebook.client.peer_manager.peer_store.has_my_keys()
    assert not any(b"keys_jwk" in p.read_bytes() for p in notebook.box.rglob("*") if p.is_file())
