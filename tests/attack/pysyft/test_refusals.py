"""Bad input gets a reason on both sides, and whoever else is there goes on."""

import pytest

from darkroom.errors import DarkroomError
from tests.attack.pysyft.notebook import DECLARED, EAST, NORTH, TABLE, Notebook
from tests.attack.pysyft.site import BOB
from tests.attack.pysyft.stock import town as stock


INBOX = stock.inbox(BOB)


# ------------------------------------------------------------------------------ at a domain


def test_a_file_that_is_none_of_a_job(site):
    for change, why in [
        ({"code/model.tflite": {"content": "AAAA", "content_type": "binary"}}, "not text"),
        ({"code/model.tflite": {"content": "\ud800"}}, "not text"),
        ({"code/../../x.py": "x"}, "outside the sender's own inbox"),
        ({"code/a.py": {"content": "x", "is_deleted": True}}, "delete"),
        ({"script.sh": "rm -rf /"}, "does not belong into a job folder"),
    ]:
        whole = {f"{INBOX}/{path}": value for path, value in change.items()}
        site.refuses(why, site.raw(whole, beside=True))


ASKED = [
    ("dependencies:\n- torch", "nothing is installed"),
    ("dependencies:\n- numpy>=99", "nothing is installed"),
    ("dependencies:\n- numpy @ https://mirror.example/numpy.whl", "nothing is installed"),
    ("dependencies:\n- numpy[extra]", "nothing is installed"),
    ("dependencies:\n- --index-url=https://mirror.example", "nothing is installed"),
    ("dependencies:\n- ./code", "nothing is installed"),
    ("dependencies:\n- syft==0.9.5", "nothing is installed"),
    ("dependencies: torch", "dependencies"),
    ("dependencies:\n- 5", "dependencies"),
    ("type: bash", "Python jobs"),
    ("job_type: enclave", "Python jobs"),
    ("entrypoint: other.py", "entry point"),
    ("entrypoint: ../../main.py", "entry point"),
    ("entrypoint: [main.py]", "entry point"),
    ("x: !!python/object/apply:os.system [id]", ""),
    ("x: &a [*a, *a]", ""),
]


def test_a_config_that_asks_for_what_is_not_done(site):
    files = site.files(site.bob)
    for line, why in ASKED:
        config = replaced(files[f"{INBOX}/config.yaml"], line)
        site.refuses(why, site.attack(files | {f"{INBOX}/config.yaml": config}))


def replaced(config: str, line: str) -> str:
    """The same with another value for one key."""
    key = line.partition(":")[0]
    kept, skip = [], False
    for old in config.splitlines():
        skip = old.startswith(f"{key}:") or (skip and old.startswith("- "))
        if not skip:
            kept.append(old)
    return "\n".join([*kept, line, ""])


def test_another_release_of_the_engine(site):
    message = site.message(site.bob, site.files(site.bob))
    releases = ["0.9.5", "0.10.1", "0.11.0", "", None, 10, "0.10.0 "]
    aside = [site.say(site.bob, message, syft=r).body["job_id"] for r in releases]

    site.refuses("does not fit: this domain speaks 0.10.0", *aside)


def test_two_jobs_or_half_a_job_in_one_message(site):
    files = site.files(site.bob)
    half = {path: text for path, text in files.items() if not path.endswith("run.sh")}

    site.refuses("whole job", site.attack(half))
    site.refuses("several jobs", site.attack(files | {f"{stock.inbox(BOB, 'two')}/run.sh": ""}))


def test_a_dataset_without_a_grant_is_denied_by_the_policy_like_every_job(site):
    """It could be read: so it is an ordinary job, and the policy says no."""
    site.sign_policy(site.policy(version=2, grants=site.policy().grants[:1]))
    site.settle()
    his, hers = site.honest(site.bob), site.honest()
    site.settle()

    assert site.state_of(his) == "rejected"
    assert site.state_of(hers) == "screened"
    assert site.bob.letters("job.state", his)[-1].body["reasons"]


# ----------------------------------------------------------------------- at the notebook


def goes_on(notebook: Notebook) -> None:
    """Nothing was sent or left over; a job at the other domain is asked for and answered."""
    assert not notebook.bench.exchange.boxes.get("east")
    assert not [j for j in notebook.client.job_client.jobs if j.datasite_owner_email == EAST]
    honest = notebook.submit(NORTH)
    notebook.bench.domains["north"].say(honest.job_id, "released")
    notebook.bench.domains["north"].release(honest, {"counts": TABLE})
    notebook.client.sync()
    assert notebook.status(NORTH) == "done"


def refused(notebook: Notebook, files: dict[str, str | bytes], why: str, **how) -> None:
    source = notebook.folder / "bad"
    source.mkdir()
    for path, data in ({"darkroom.json": DECLARED} | files).items():
        (source / path).write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(Exception, match=why):
        notebook.client.submit_python_job(EAST, str(source), "bad", force_submission=True, **how)
    goes_on(notebook)


def test_a_binary_in_the_code_folder_is_named_before_anything_is_sent(notebook):
    refused(notebook, {"main.py": "", "detector.tflite": b"\x1c\x00\xff"}, "detector.tflite")


def test_a_link_in_the_code_folder_is_not_followed(notebook):
    (notebook.folder / "bad").mkdir()
    (notebook.folder / "bad" / "keys.json").symlink_to("/etc/passwd")
    (notebook.folder / "bad" / "main.py").write_text("")
    with pytest.raises(DarkroomError, match=r"keys\.json"):
        notebook.client.submit_python_job(
            EAST, str(notebook.folder / "bad"), "bad", force_submission=True
        )
    goes_on(notebook)


def test_a_name_of_a_job_that_is_a_path(notebook):
    script = notebook.folder / "main.py"
    script.write_text("")
    before = notebook.footprint()
    for name in ("../../escaped", "v1", ".hidden", "a/b", "x" * 200):
        with pytest.raises((DarkroomError, ValueError)):
            notebook.client.submit_python_job(EAST, str(script), name, force_submission=True)
    assert notebook.written(before) == set()
    goes_on(notebook)


@pytest.mark.parametrize("version", ["0.9.5", "0.11.0", "", "x.y.z", "0.10.1"])
def test_a_domain_of_another_release_is_not_asked(notebook, version):
    notebook.publish("east", pysyft={"version": version, "models": {}})
    notebook.bench.clock.time += 60
    notebook.client.sync()

    refused(notebook, {"main.py": ""}, "ersion|speaks|PySyft jobs")


def test_a_stranger_is_no_peer(notebook):
    with pytest.raises(DarkroomError, match="invitation"):
        notebook.client.add_peer("eve@darkroom", sync=False, verbose=False)
    goes_on(notebook)


def test_a_bash_job_is_refused_here_already(notebook):
    with pytest.raises(DarkroomError, match="Python"):
        notebook.client.submit_bash_job(EAST, "rm -rf /", "bad", force_submission=True)
    goes_on(notebook)


def test_the_reason_of_a_domain_is_shown_where_pysyft_shows_it(notebook):
    asked = notebook.submit(EAST)
    why = "the dependency 'torch' is not in the environment tflite, and nothing is installed"
    notebook.bench.domains["east"].say(asked.job_id, "rejected", why)
    notebook.client.sync()

    (job,) = [j for j in notebook.client.job_client.jobs if j.datasite_owner_email == EAST]
    assert job.status == "rejected"
    assert "torch" in job.review_reason
