"""A domain, its owner and a scientist around a gateway in memory."""

from darkroom.adapters.apart import Apart
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.owner_store import SqliteOwnerStore
from darkroom.display.review_page import review_fragment
from darkroom.display.review_text import plain_text
from darkroom.model.canonical import canonical, digest, digest_bytes
from darkroom.model.job import Environment, JobRequest, JobSpec
from darkroom.model.output import Scalars, Table
from darkroom.owner.desk import Desk
from darkroom.owner.mailroom import Mailroom
from darkroom.owner.rules import Rules
from tests.post.simulator import Gateway, HandClock, acquaint, party


PRICE = {"releases": 1, "rows": 501, "bits": 1_000_000, "epsilon": "0", "delta": "0"}
ALICE = SycKeyring.generate("alice", "scientist")
CODE = b'def count(data, params):\n    """People per camera."""\n    return {"people": {"n": 3}}\n'


def job(
    files=None, *, job_id="ab" * 16, submitter=ALICE.identity, parameters=None, version="22", **spec
):
    files = {"job.py": CODE} if files is None else files
    fields = {
        "name": "count-people",
        "tier": "reviewed",
        "entrypoint": "job:count",
        "files": {path: digest_bytes(data) for path, data in files.items()},
        "environment": Environment(name="tflite", lock_hash="sha256:" + "11" * 32),
        "outputs": {
            "people": Table(columns={"camera": "text", "n": "int"}, max_rows=500),
            "totals": Scalars(names=("n",)),
        },
        "parameter_schema": {"score": "float"},
        **spec,
    }
    return JobRequest(
        job_id=job_id,
        spec=JobSpec(**fields),
        submitter=submitter.name,
        submitter_fingerprint=submitter.fingerprint,
        audience="north",
        project="rush-hour",
        dataset="plaza",
        dataset_version="sha256:" + version * 32,
        parameters={"score": 0.3} if parameters is None else parameters,
    )


def review_body(request, *, submitter=ALICE.identity, mock=None):
    return {
        "request": request.to_mapping(),
        "verdict": {
            "decision": "review",
            "reasons": ["no rule approves this code digest: the data owner decides"],
            "policy_version": 3,
            "rule": "",
            "price": PRICE,
        },
        "mock": mock
        or {"seconds": 1.5, "frames": 240, "outputs": {"people": {"type": "table", "rows": 4}}},
        "submitter": submitter.to_mapping(),
    }


def code(files):
    return {f"code/{path}": data for path, data in files.items()}


TABLE = canonical(
    {"columns": {"camera": "text", "n": "int"}, "rows": [["c1", 3], ["c2", 5], ["c1", 9]]}
)
TOTALS = canonical({"n": 17})


def release_body(request, outputs=None):
    """(body, attachments) as the node sends them."""
    outputs = outputs or {
        "people": ("table", TABLE),
        "totals": ("scalars", TOTALS),
        "log": ("log", b"started\n\x1b[2Jdone\n"),
    }
    described = {
        name: {"type": kind, "sha256": digest_bytes(data), "bytes": len(data)}
        for name, (kind, data) in outputs.items()
    }
    body = {
        "job_id": request.job_id,
        "request": request.to_mapping(),
        "job_digest": request.job_digest,
        "output_digest": digest(described),
        "outputs": described,
        "facts": {"seconds_bucket": 2.0, "workers": 2, "frames": 240, "interpreter": "litert"},
        "price": PRICE,
    }
    return body, {f"output/{name}": data for name, (_, data) in outputs.items()}


class Town:
    """One gateway, the node `north` and its owner."""

    def __init__(self, folder):
        self.folder = folder
        self.gateway = Gateway(HandClock())
        self.north = party(self.gateway, "north", "domain")
        self.owner = party(self.gateway, "north-owner", "owner")
        acquaint(self.north, self.owner)
        self.open()

    def open(self):
        """The owner's process, started (again)."""
        self.store = SqliteOwnerStore(self.folder / "owner.sqlite")
        common = {
            "domain": self.north.identity,
            "store": self.store,
            "keyring": self.owner.keyring,
            "clock": self.gateway.clock,
        }
        self.mailroom = Mailroom(
            **common, post=self.owner.post, relay=self.owner.relay, verifier=SycVerifier()
        )
        self.desk = Desk(
            **common,
            mailroom=self.mailroom,
            verifier=SycVerifier(),
            apart=Apart("darkroom.owner.findings.child"),
            html=review_fragment,
            text=plain_text,
            suffix=" --state 'my owner'",
        )
        self.rules = Rules(**common, gateway="http://127.0.0.1:1", mailroom=self.mailroom)

    def restart(self):
        self.store.close()
        self.open()

    def ask_review(self, files=None, *, body=None, attachments=None, **more):
        files = {"job.py": CODE} if files is None else files
        request = job(files, **more)
        letter = self.north.post.write(
            "review.request",
            "north-owner",
            body or review_body(request),
            code(files) if attachments is None else attachments,
        )
        self.north.post.send(letter)
        return request

    def ask_release(self, request, produced=None, /, **changes):
        body, attachments = release_body(request, produced)
        body |= changes
        self.north.post.send(
            self.north.post.write("release.request", "north-owner", body, attachments)
        )
        return body

    def heard(self):
        """What reached the node, and is acknowledged."""
        deliveries = self.north.post.receive(wait=0)
        if deliveries:
            self.north.post.acknowledge(deliveries[-1].cursor)
        assert all(d.letter for d in deliveries)
        return [d.letter for d in deliveries]
