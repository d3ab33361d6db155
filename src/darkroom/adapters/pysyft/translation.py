"""A PySyft job as an ordinary Darkroom job. Pure: both sides compute the same digests.

The tree that is approved and run holds every byte the scientist sent that has an effect:
`code/…` as submitted, `run.sh` to be read, the models by their hashes, and one short module
that Darkroom writes, which calls the entry point. Of `config.yaml` only what is used goes
in, for it names a date and a path of the scientist's machine.
"""

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import CODE, LAUNCHER, SubmittedFolder
from darkroom.model.canonical import digest_bytes
from darkroom.model.job import PYSYFT_ENTRYPOINT, JobRequest, JobSpec


MODULE = PYSYFT_ENTRYPOINT.partition(":")[0]
MODELS = "models"
JOB_PARAMETER = "pysyft_job"  # the scientist's name of the job: in its digest, not in the code's
# Every value goes in as `ascii` writes it: a literal, and the same in every Python.
_TEXT = '''"""Runs a PySyft job. Written by Darkroom, not by the scientist."""

from darkroom.runtime import pysyft_job as runner


def main(data, params):
    return runner.run(
        data,
        entrypoint={entrypoint!a},
        datasite={datasite!a},
        dataset={dataset!a},
        models={models!a},
        outputs={outputs!a},
    )
'''


def code_tree(
    folder: SubmittedFolder, declaration: Declaration, *, datasite: str
) -> dict[str, bytes]:
    """Path -> bytes of the job's file tree, models left out."""
    text = _TEXT.format(
        entrypoint=f"{CODE}/{folder.entrypoint}",
        datasite=datasite,
        dataset=declaration.dataset,
        models={name: f"{MODELS}/{name}" for name in sorted(declaration.models)},
        outputs=sorted(declaration.outputs),
    )
    return {
        f"{MODULE}.py": text.encode(),
        LAUNCHER: folder.launcher.encode(),
        **{f"{CODE}/{path}": text.encode() for path, text in folder.code.items()},
    }


def translate(
    folder: SubmittedFolder,
    declaration: Declaration,
    *,
    job_id: str,
    submitter: str,
    submitter_fingerprint: str,
    domain: str,
) -> JobRequest:
    """The job that will be screened, reviewed, charged and run like every other.

    Raises:
        SpecError: a limit of jobs is exceeded (files, names, outputs).
    """
    tree = code_tree(folder, declaration, datasite=address_of(domain))
    stem = folder.entrypoint.removesuffix(".py").rpartition("/")[2]
    spec = JobSpec(
        name=f"pysyft-{stem.lower()[:40]}".rstrip("-"),
        tier=declaration.tier,
        entrypoint=PYSYFT_ENTRYPOINT,
        files={
            **{path: digest_bytes(data) for path, data in tree.items()},
            **{f"{MODELS}/{name}": sha for name, sha in declaration.models.items()},
        },
        environment=declaration.environment,
        outputs=declaration.outputs,
        limits=declaration.limits,
        parameter_schema={JOB_PARAMETER: "text"},
    )
    return JobRequest(
        job_id=job_id,
        spec=spec,
        submitter=submitter,
        submitter_fingerprint=submitter_fingerprint,
        audience=domain,
        project=declaration.project,
        dataset=declaration.dataset,
        dataset_version=declaration.dataset_version,
        parameters={JOB_PARAMETER: folder.job_name},
    )
