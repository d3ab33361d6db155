"""A10: a job that no person has seen is approved because it looks like one that was.

The two ways in which the stock packages approve by themselves, and the one rule of a domain:
it names a digest over every path and every byte.
"""

import hashlib
from dataclasses import replace

import pytest
from syft_rds.job_auto_approval import auto_approve_and_run_jobs

from darkroom.adapters.pysyft.translation import JOB_PARAMETER
from darkroom.errors import SpecError
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import Limits
from darkroom.model.output import Scalars
from tests.attack.pysyft.site import BOB
from tests.attack.pysyft.stock import town as stock
from tests.attack.pysyft.stock.bg_criterion import bg_approves
from tests.node.village import MODEL


KNOWN = stock.HONEST
MAIN = {"main.py": KNOWN}
EVIL = "import os\n"


# ------------------------------------------------------------------------- the stock engine


def auto(town, contents: dict[str, str], names: list[str]) -> None:
    """The owner's notebook approves what looks like the approved job, and runs it."""
    town[stock.NORTH].sync()
    auto_approve_and_run_jobs(
        town[stock.NORTH],
        required_file_contents=contents, required_file_paths=names,
        allowed_users=[stock.BOB], peers_only=True, verbose=False,
    )  # fmt: skip


def marks(town) -> str:
    return f"open({str(town.folder / 'ran')!r}, 'w')\n"


@pytest.mark.attack("A10", control="off")
def test_stock_a_launcher_is_not_compared(town):
    town.say(stock.BOB, town.hostile_job(stock.BOB))

    auto(town, MAIN, ["main.py"])

    assert town.ran


@pytest.mark.attack("A10", control="off")
def test_stock_a_second_file_of_the_same_name_is_not_seen(town):
    source = town.folder / "job"
    (source / "deep").mkdir(parents=True)
    (source / "main.py").write_text(KNOWN)
    (source / "deep" / "main.py").write_text(marks(town))
    town[stock.BOB].submit_python_job(
        stock.NORTH, str(source), "count", entrypoint="deep/main.py", force_submission=True
    )

    auto(town, MAIN, ["main.py"])

    assert town.ran


@pytest.mark.attack("A10", control="off")
def test_stock_a_file_that_is_only_named_holds_anything(town):
    source = town.folder / "job"
    source.mkdir()
    (source / "main.py").write_text("import limits\n")
    (source / "limits.py").write_text(marks(town))
    town[stock.BOB].submit_python_job(stock.NORTH, str(source), "count", force_submission=True)

    auto(town, {"main.py": "import limits\n"}, ["main.py", "limits.py"])

    assert town.ran


@pytest.mark.attack("A10b", control="off")
@pytest.mark.parametrize("name", ["run.sh", "config.yaml"])
def test_a_stand_in_for_syft_bg_ignores_names_wherever_they_are(town, name):
    files = town.hostile_job(stock.BOB) | {f"{stock.inbox(stock.BOB)}/code/lib/{name}": EVIL}
    town.say(stock.BOB, files)
    town[stock.NORTH].sync()
    job = town.job(by=stock.BOB).job_submission_path
    known = {"main.py": hashlib.sha256(KNOWN.encode()).hexdigest()}

    assert (job / "code" / "lib" / name).read_text() == EVIL
    assert bg_approves(job, stock.BOB, hashes=known, peers=(stock.BOB,))


@pytest.mark.attack("A10b", control="off")
def test_a_stand_in_for_syft_bg_takes_no_hash_for_any_and_nobody_for_everybody(town):
    town.say(
        stock.BOB, town.hostile_job(stock.BOB) | {stock.inbox(stock.BOB) + "/code/main.py": EVIL}
    )
    town[stock.NORTH].sync()
    job = town.job(by=stock.BOB).job_submission_path

    assert bg_approves(job, stock.BOB, hashes={"main.py": ""}, peers=())


# --------------------------------------------------------------------------------- a domain


@pytest.fixture
def ruled(site):
    """A rule approves the code of alice's job, for anybody, under any name of a job."""
    known = site.honest(code=MAIN)
    site.settle()
    rule = ApprovalRule(
        name="known", code_digest=site.job(known).code_digest,
        parameters={JOB_PARAMETER: Allowed(anything=True)},
    )  # fmt: skip
    site.sign_policy(site.policy(version=2, rules=(rule,)))
    site.settle()
    assert site.job(known).approved_by == "rule known"  # it waited, and fits
    site.sandbox.started.clear()
    return site


def decided(site, job: str) -> str:
    site.settle()
    return site.job(job).approved_by if site.store.job(job) else "nobody"


@pytest.mark.attack("A10", "A10b", control="on")
def test_the_very_same_job_is_approved_by_its_rule(ruled):
    """So that the tests below fail for the right reason."""
    assert decided(ruled, ruled.honest(code=MAIN, name="again")) == "rule known"
    assert ruled.sandbox.started


TREES = {
    "a launcher": {"run.sh": "#!/bin/bash\nrm -rf /\n"},
    "an empty launcher": {"run.sh": ""},
    "the same base name": {"code/deep/main.py": EVIL},
    "a launcher's name in the code": {"code/run.sh": EVIL},
    "a launcher's name deep in the code": {"code/lib/run.sh": EVIL},
    "a config's name in the code": {"code/config.yaml": EVIL},
    "a config's name deep in the code": {"code/lib/config.yaml": EVIL},
    "a state's name in the code": {"code/state.yaml": EVIL},
    "rules in the code": {"code/syft.pub.yaml": EVIL},
    "an empty line more": {"code/main.py": "\n" + KNOWN},
    "no newline": {"code/main.py": KNOWN.rstrip()},
    "other newlines": {"code/main.py": KNOWN.replace("\n", "\r\n")},
    "a package that Python prefers": {"code/main/__init__.py": EVIL},
    "a module that shadows ours": {"code/darkroom/runtime/pysyft_job.py": EVIL},
    "a module that shadows the standard library": {"code/json.py": EVIL},
    "a file that runs by itself": {"code/sitecustomize.py": EVIL},
    "a declaration": {"code/darkroom.json": "{}"},
}


@pytest.mark.attack("A10", "A10b", control="on")
def test_no_rule_matches_a_changed_tree(ruled):
    files = ruled.files(ruled.bob, code=MAIN)
    for what, change in TREES.items():
        job = ruled.attack(
            files | {f"{stock.inbox(BOB)}/{path}": text for path, text in change.items()}
        )

        assert decided(ruled, job) == "", what
        assert ruled.state_of(job) == "screened", what
    assert not ruled.sandbox.started


@pytest.mark.attack("A10", control="on")
def test_another_entry_point_is_another_tree(ruled):
    """The same names and bytes, started elsewhere."""
    files = ruled.files(ruled.bob, code=MAIN | {"other.py": EVIL})
    config = f"{stock.inbox(BOB)}/config.yaml"
    moved = files | {config: files[config].replace("entrypoint: main.py", "entrypoint: other.py")}
    assert moved != files

    one, other = ruled.attack(files), ruled.attack(moved)
    ruled.settle()

    assert ruled.job(one).code_digest != ruled.job(other).code_digest
    assert {decided(ruled, job) for job in (one, other)} == {""}


@pytest.mark.attack("A10", control="on")
@pytest.mark.parametrize(
    "changed",
    [
        {"outputs": {"result": Scalars(names=("n", "more"))}},
        {"models": {"detector.tflite": digest_bytes(MODEL)}},
        {"limits": Limits(memory_mib=256)},
    ],
    ids=["outputs", "models", "limits"],
)
def test_another_declaration_is_another_digest(ruled, changed):
    form = replace(ruled.declaration, **changed).to_mapping()
    message = ruled.message(ruled.bob, ruled.files(ruled.bob, code=MAIN))
    job = ruled.say(ruled.bob, message, declaration=form).body["job_id"]

    assert decided(ruled, job) == ""
    assert ruled.state_of(job) == "screened", ruled.job(job).reasons


@pytest.mark.attack("A10", control="on")
def test_launchers_are_never_started(ruled):
    """Approved with everything else, read by people, and data all the same."""
    job = ruled.honest(code=MAIN, name="again")
    ruled.settle()

    assert ruled.job(job).request.spec.entrypoint == "pysyft_job:main"
    for task in ruled.sandbox.started:
        assert task.program in ("run", "merge", "inspect")
        assert task.request.get("entrypoint", "pysyft_job:main") == "pysyft_job:main"


@pytest.mark.attack("A10b", control="on")
@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "0" * 8, "0" * 64])
def test_a_rule_takes_no_shortened_hash(digest):
    with pytest.raises(SpecError):
        ApprovalRule(name="any", code_digest=digest)


@pytest.mark.attack("A10b", control="on")
def test_a_rule_for_nobody_in_particular_lets_nobody_in(ruled):
    """Whoever has no grant is denied before any rule is asked."""
    grants = tuple(g for g in ruled.policy().grants if g.scientist != "bob")
    rules = map(ApprovalRule.from_mapping, ruled.store.policy().body["rules"])
    ruled.sign_policy(ruled.policy(version=3, grants=grants, rules=tuple(rules)))
    ruled.settle()
    job = ruled.honest(ruled.bob, code=MAIN)
    ruled.settle()

    assert ruled.state_of(job) == "rejected"
    assert not ruled.sandbox.started
