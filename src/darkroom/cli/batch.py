"""`darkroom batch`: a notebook without a person, here or as a Kubernetes Job."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from darkroom import config
from darkroom.errors import DarkroomError, InputError


FAILED, OURS, STOPPED = 1, 2, 143
Command = Callable[..., None]
SECONDS, MEMORY_MIB, CPUS = 3600, 2048, "1"
IN_IMAGE = "image:"


@click.group()
def batch() -> None:
    """Run notebooks headlessly, as a service identity, into the run log."""


def _pair(flag: str, *more: str, words: str) -> Callable[[Command], Command]:
    return click.option(flag, *more, nargs=2, multiple=True, metavar="NAME VALUE", help=words)


@batch.command()
@click.argument("notebook")
@_pair("-p", "--parameter", "pairs", words="A parameter, typed as papermill does.")
@_pair("-r", "--text", "texts", words="A parameter that is a text whatever it looks like.")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Parameters as a YAML mapping.",
)
@click.option("--on", "place", type=click.Choice(["local", "kubernetes"]), default="local")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The service identity; DARKROOM_HOME or ~/.darkroom by default.",
)
@click.option(
    "--identity",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Lay out the home from this mounted Secret (of `darkroom batch secret`).",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the executed notebook and its page go; batch/<name>-<time> by default.",
)
@click.option("--timeout", type=click.IntRange(1, 7 * 86400), default=SECONDS, show_default=True,
              metavar="SECONDS", help="For all cells together.")  # fmt: skip
@click.option("--project", default="batch", show_default=True, help="Of the run log.")
@click.option("--run-log", metavar="URL", help="MLflow; MLFLOW_TRACKING_URI by default.")
@click.option("--commit", help="The git commit; asked of git where the notebook lies.")
@click.option("--namespace", help="Kubernetes: where the Job is made.")
@click.option("--image", metavar="…@sha256:…", help="Kubernetes: the image, by its digest.")
@click.option("--identity-secret", metavar="NAME", help="Kubernetes: of `darkroom batch secret`.")
@click.option("--run-log-secret", metavar="NAME",
              help="Kubernetes: a Secret with MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN.")  # fmt: skip
@click.option("--state-claim", metavar="NAME",
              help="Kubernetes: a claim that keeps what the identity remembers.")  # fmt: skip
@click.option("--memory", type=click.IntRange(256, 65536), default=MEMORY_MIB, show_default=True,
              metavar="MIB", help="Kubernetes: the limit.")  # fmt: skip
@click.option("--cpu", default=CPUS, show_default=True, help="Kubernetes: the limit, as 1 or 500m.")
def run(**given: Any) -> None:
    """Execute NOTEBOOK with papermill; keep the executed copy in the run log.

    Exit code: 0 all cells went through, 1 a cell failed or time was up (it is named), 2 our
    own errors, 143 when asked to stop.
    """
    try:
        code = _here(**given) if given["place"] == "local" else _on_kubernetes(**given)
    except DarkroomError:
        raise
    except Exception as error:  # noqa: BLE001  # exit code 1 says: a cell failed
        _broken(error)
    sys.exit(code)


@batch.command()
@click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The enrolled home of the service identity.",
)
@click.option("--name", required=True, help="What the Secret is called.")
@click.option("--namespace", required=True)
def secret(home: Path, name: str, namespace: str) -> None:
    """Print the Secret of a service identity, for `| kubectl apply -f -`."""
    from darkroom.bootstrap.batch_identity import secret_manifest

    manifest = secret_manifest(home, name, namespace)
    if sys.stdout.isatty():
        raise InputError(
            "private keys are not printed on a terminal",
            next_step="darkroom batch secret … | kubectl apply -f -",
        )
    click.echo(manifest)


def _here(**given: Any) -> int:
    from darkroom.bootstrap.batch import BatchPlan, run_batch
    from darkroom.bootstrap.batch_identity import lay_out, open_identity
    from darkroom.bootstrap.batch_notebook import gather_parameters, git_commit, read_notebook
    from darkroom.bootstrap.batch_record import how_it_ended

    home: Path = given["home"] or config.scientist_home()
    keys = config.scientist_keys() if given["home"] is None else home / "keys.json"
    notebook = read_notebook(Path(given["notebook"]))
    parameters = gather_parameters(notebook, given["files"], given["pairs"], given["texts"])
    if given["identity"] is not None:
        lay_out(given["identity"], home, keys)
    identity = open_identity(home, keys)
    run_log = config.tracking_uri() if given["run_log"] is None else given["run_log"]
    stamp = time.strftime("%Y%m%d-%H%M%S")
    commit = git_commit(notebook.path) if given["commit"] is None else given["commit"]
    end = run_batch(
        BatchPlan(
            notebook=notebook,
            parameters=parameters,
            identity=identity,
            out=given["out"] or Path("batch", f"{notebook.path.stem}-{stamp}"),
            seconds=given["timeout"],
            run_log=run_log,
            project=given["project"],
            commit=commit,
            place="kubernetes" if given["identity"] else "local",
        ),
        tell=_tell,
    )
    click.echo(how_it_ended(end.ended), err=end.ended.outcome != "completed")
    click.echo(f"executed notebook: {end.executed}")
    click.echo(f"run log: {end.address}" if end.address else "run log: none is set up (--run-log)")
    return {"completed": 0, "stopped": STOPPED}.get(end.ended.outcome, FAILED)


def _on_kubernetes(**given: Any) -> int:
    from darkroom.adapters.batch.job_manifest import ClusterOrder
    from darkroom.bootstrap.batch_cluster import (
        StopAskedError,
        job_name,
        person_access,
        run_on_cluster,
    )
    from darkroom.bootstrap.batch_notebook import gather_parameters, git_commit, read_notebook

    for name in ("namespace", "image", "identity_secret"):
        if given[name] is None:
            option = name.replace("_", "-")
            raise InputError(f"--on kubernetes needs --{option}", next_step=f"give --{option} …")
    for name in ("home", "identity", "out"):
        if given[name] is not None:
            raise InputError(
                f"--{name} is for --on local", next_step="leave it out; the pod has its own"
            )
    words: str = given["notebook"]
    path = Path(words.removeprefix(IN_IMAGE))
    notebook = None if words.startswith(IN_IMAGE) else read_notebook(path)
    if notebook is None and (not path.is_absolute() or path.suffix != ".ipynb"):
        raise InputError(
            f"{words[:100]} is no notebook of an image",
            next_step="write image:/path/in/the/image.ipynb",
        )
    commit = git_commit(path) if given["commit"] is None and notebook else given["commit"] or ""
    run_log = config.tracking_uri() if given["run_log"] is None else given["run_log"]
    arguments = ["--run-log", run_log, "--commit", commit, "--project", given["project"]]
    order = ClusterOrder(
        name=job_name(path.name),
        namespace=given["namespace"],
        image=given["image"],
        notebook=path.name if notebook else str(path),
        data=notebook.data if notebook else None,
        parameters=gather_parameters(notebook, given["files"], given["pairs"], given["texts"]),
        arguments=arguments,
        seconds=given["timeout"],
        identity_secret=given["identity_secret"],
        run_log_secret=given["run_log_secret"] or "",
        state_claim=given["state_claim"] or "",
        memory_mib=given["memory"],
        cpu=given["cpu"],
    )
    try:
        return run_on_cluster(order, person_access(), say=click.echo)
    except StopAskedError:
        click.echo("stopped; the Job is removed", err=True)
        return STOPPED


def _tell(cell: Any) -> None:
    from darkroom.display.visible import visible

    where = f"[{cell.number:>{len(str(cell.count))}}/{cell.count}]"
    if cell.seconds is None:
        click.echo(f"{where} {visible(cell.source.strip())[:70]}")
    elif cell.error:
        click.echo(f"{where} {visible(cell.error)} after {cell.seconds:.1f} s")
    elif cell.seconds >= 1:
        click.echo(f"{where} done in {cell.seconds:.1f} s")


def _broken(error: Exception) -> NoReturn:
    import traceback

    traceback.print_exception(error)
    click.secho("darkroom: this is an error of ours, not of the notebook", fg="red", err=True)
    sys.exit(OURS)
