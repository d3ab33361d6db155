"""From a scientist's stock message through a real node to the owner's stock client and back."""

from datetime import UTC, datetime

import pytest
import yaml
from syft.sync.messages.proposed_filechange import ProposedFileChange, ProposedFileChangesMessage
from syft_job.models import JobSubmissionMetadata

from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.model.canonical import digest_bytes
from darkroom.model.output import Scalars
from darkroom.ports import Outcome
from darkroom.post.enrolment import proof
from tests.node.village import ENVIRONMENT, MODEL, Village, invitation, invited
from tests.owner.datasite import ALICE, NORTH, log_in, village_office


CODE = "import json\njson.dump({'n': 3}, open('outputs/result.json', 'w'))\n"
JOB = "ab" * 16


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    yield village
    village.store.close()


@pytest.fixture
def datasite(village, tmp_path):
    office = village_office(village)
    office.rules.sign_policy(village.policy(), send=True)
    village.settle()
    yield log_in(office, tmp_path, now=village.clock.now)
    office.desk.store.close()


def submit(village, name="Job - 12"):
    """As `client.submit_python_job` of a scientist does, below its connection."""
    config = JobSubmissionMetadata(
        name=name, type="python", submitted_by=ALICE, datasite_email=NORTH,
        submitted_at=datetime(2026, 6, 1, tzinfo=UTC), entrypoint="main.py", dependencies=["numpy"],
        files=["main.py"],
    )  # fmt: skip
    files = {
        "code/main.py": CODE,
        "run.sh": "exit 1\n",
        "config.yaml": yaml.dump(config.disk_dict()),
    }
    message = ProposedFileChangesMessage(
        sender_email=ALICE,
        proposed_file_changes=[
            ProposedFileChange(
                path_in_datasite=f"app_data/job/inbox/{ALICE}/v1/{name}/{path}",
                content=text,
                datasite_email=NORTH,
            )
            for path, text in files.items()
        ],
    )
    declaration = Declaration(
        dataset="plaza",
        dataset_version=village.manifest.version,
        environment=ENVIRONMENT,
        outputs={"result": Scalars(names=("n",))},
        models={"detector.tflite": digest_bytes(MODEL)},
    )
    village.alice.say(
        "pysyft.submit",
        {
            "job_id": JOB, "job_name": name, "syft": "0.10.0",
            "declaration": declaration.to_mapping(), "mock": {},
        },
        {"message": message.as_compressed_data()},
    )  # fmt: skip
    village.settle()
    assert "screened" == village.state_of(JOB), village.job(JOB).reasons


def test_a_stock_job_is_approved_runs_and_is_released_by_stock_words(village, datasite):
    submit(village)
    (found,) = datasite.client.jobs
    assert ("Job - 12", ALICE, "pending", CODE) == (
        found.name, found.submitted_by, found.status, found.code,
    )  # fmt: skip

    found.approve("counts only")
    datasite.client.process_approved_jobs(timeout=0)
    village.settle()
    assert "produced" == village.state_of(JOB)
    datasite.client.process_approved_jobs(timeout=20, share_outputs_with_submitter=True)
    village.settle()

    assert "released" == village.state_of(JOB)
    assert {"Job - 12": "done"} == datasite.jobs()
    (result,) = village.alice.letters("job.result", JOB)
    assert b'{"n":1}' == result.attachments["output/result"]
    assert "output/log" not in result.attachments


def test_a_rejection_reaches_the_scientist(village, datasite):
    submit(village)
    datasite.client.jobs["Job - 12"].reject("asks for too much")
    datasite.client.sync()
    village.settle()

    assert "rejected" == village.state_of(JOB)
    assert "asks for too much" in village.job(JOB).reasons[0]


def test_the_owner_learns_of_a_job_that_they_approved_and_that_failed(village, datasite):
    submit(village)
    village.sandbox.job = lambda _: Outcome(status="failed", seconds=1.0)
    datasite.client.jobs["Job - 12"].approve()
    datasite.client.process_approved_jobs(timeout=0)
    village.settle()
    assert "failed" == village.state_of(JOB)

    datasite.client.process_approved_jobs(timeout=60)

    (found,) = datasite.client.jobs
    assert "failed" == found.status
    assert found.review_reason


def test_the_owner_learns_of_a_job_that_the_scientist_took_back(village, datasite):
    submit(village)
    datasite.client.jobs["Job - 12"].approve()
    village.sandbox.fit = False  # it is approved and does not start
    village.node.walls.probe()
    datasite.client.process_approved_jobs(timeout=0)
    village.settle()
    assert "approved" == village.state_of(JOB)
    village.alice.say("job.cancel", {"job_id": JOB})
    village.settle()

    assert "cancelled" == village.state_of(JOB)
    assert {"Job - 12": "failed"} == datasite.jobs()


def test_who_enrols_with_an_invitation_asks_to_be_a_peer_and_is_granted_a_dataset(
    village, datasite
):
    offer = invitation(village)
    invited(village, offer)
    village.settle()
    carol = village.person("carol", "scientist")
    ours = carol.keyring.identity
    carol.relay.redeem("north", offer.ticket)
    carol.say(
        "enrol.request",
        {
            "identity": ours.to_mapping(),
            "invitation_id": offer.id,
            "proof": proof(offer, "scientist", ours.fingerprint),
        },
    )
    village.settle()
    assert "requested_by_peer" == datasite.client.peers["carol@darkroom"].state.value

    datasite.client.share_dataset("plaza", ["carol@darkroom"])
    datasite.client.approve_peer_request("carol@darkroom")
    village.settle()

    policy = village.store.policy()
    assert ["alice", "bob", "carol"] == [g["scientist"] for g in policy.body["grants"]]
    assert 2 == policy.body["version"]
    assert ours == village.store.get("carol")
