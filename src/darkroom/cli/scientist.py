"""`darkroom enrol | whoami | jobs | results | notebooks`: the data scientist's commands."""

import sys
import time
from pathlib import Path

import click

from darkroom import config
from darkroom.errors import InputError, UnknownNameError


HOME = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where keys and results lie; DARKROOM_HOME or ~/.darkroom by default.",
)


@click.command()
@click.argument("invitation")
@click.option(
    "--hosted",
    is_flag=True,
    help="Say that these keys lie on a JupyterHub; said by itself on one.",
)
@HOME
def enrol(invitation: str, hosted: bool, home: Path | None) -> None:  # noqa: FBT001  # click passes it
    """Enrol at a domain with the line that its owner gave you (darkroom1:…).

    Makes your keys if there are none, and pins the domain's. Compare both fingerprints
    with the owner, for instance on the telephone.
    """
    from darkroom.bootstrap.scientist import enrol as do_enrol

    text = sys.stdin.read() if invitation == "-" else invitation
    done = do_enrol(text, home or config.scientist_home(), hosted=hosted or config.on_hub())
    click.echo(f"enrolled at {done.domain.name}")
    click.echo(f"  your fingerprint      {done.scientist.fingerprint}")
    click.echo(f"  {done.domain.name + '’s fingerprint':<20}  {done.domain.fingerprint}")
    if done.recovery_words:
        click.echo(
            "Your keys are new. Write these 24 words down; they are shown once and bring your "
            f"identity back:\n  {done.recovery_words}"
        )


@click.command()
@HOME
def whoami(home: Path | None) -> None:
    """Your name, fingerprint and gateway, and the domains whose keys are pinned here."""
    from darkroom.bootstrap.scientist import connect

    session = connect(home, run_log="", progress="quiet")
    click.echo(repr(session))
    for identity in session.catalogue.domains().values():
        click.echo(f"  enrolled at {identity.name}  {identity.fingerprint}")


@click.command()
@HOME
def jobs(home: Path | None) -> None:
    """Everything you submitted from this machine, and how far it is."""
    from darkroom.bootstrap.scientist import connect
    from darkroom.errors import UnreachableError

    session = connect(home, run_log="", progress="quiet")
    submissions = session.jobs
    if not len(submissions):
        click.echo("nothing was submitted from here yet")
        return
    try:
        submissions[0].refresh()
    except UnreachableError as error:
        click.echo(f"{error.message}: this is what is known here", err=True)
    click.echo(repr(session.jobs))
    for submission in session.jobs:
        for line in submission.advice() if not submission.finished else ():
            click.echo(f"  → {line}")


@click.command()
@click.argument("submission")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write the outputs there."
)
@HOME
def results(submission: str, out: Path | None, home: Path | None) -> None:
    """Show the results of a submission (its id, or a digest of one of its jobs)."""
    from darkroom.bootstrap.scientist import connect
    from darkroom.errors import UnreachableError

    session = connect(home, run_log="", progress="quiet")
    found = session.job(submission)
    try:
        found.refresh()
    except UnreachableError as error:
        click.echo(f"{error.message}: this is what is known here", err=True)
    click.echo(repr(found))
    released = found.results
    click.echo(repr(released))
    for label, result in released.items() if out else ():
        for name, data in result.raw.items():
            assert out is not None
            kind = result.models[name].format if name in result.models else "json"
            suffix = "txt" if name == "log" else kind
            target = out / label.replace("/", "-") / f"{name}.{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            click.echo(f"  wrote {target}")


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=config.REPOSITORY / "build" / "notebooks",
    show_default="build/notebooks",
    help="Where executed copies and their HTML go.",
)
@click.option("--parameter", "-p", "pairs", multiple=True, help="name=value for every notebook.")
@HOME
def notebooks(names: tuple[str, ...], out: Path, pairs: tuple[str, ...], home: Path | None) -> None:
    """Execute notebooks headlessly with papermill and keep them as HTML.

    Without NAMES: all of them, against the system that this home is enrolled at. The owner's
    notebooks need an owner's folder and are run when they are named.
    """
    from darkroom.bootstrap.notebook_run import NotebookRun, run_notebook

    folder = config.REPOSITORY / "notebooks"
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    wanted = names or tuple(name for name in known if name[:1] == "0")
    parameters: dict[str, object] = dict(_pair(pair) for pair in pairs)
    for name in wanted:
        path = known.get(name.removesuffix(".ipynb"))
        if path is None:
            raise UnknownNameError(
                f"there is no notebook {name[:80]}", next_step=f"use one of: {', '.join(known)}"
            )
        began = time.monotonic()
        click.echo(f"{path.stem} …", nl=False)
        run_notebook(
            NotebookRun(
                notebook=path,
                output=out / path.name,
                parameters={"report": str(out / f"{path.stem}.json"), **parameters},
                environment=config.notebook_environment(home),
            )
        )
        click.echo(f" done in {time.monotonic() - began:.0f} s: {out / path.stem}.html")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise InputError(f"{text[:80]} is not name=value", next_step="write -p name=value")
    return name, value
