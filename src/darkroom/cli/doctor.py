"""`darkroom doctor`: what is wrong, where, and what to do about it, by role."""

import json
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import click

from darkroom.bootstrap.doctor import Check, Finding, examine
from darkroom.display.visible import visible
from darkroom.errors import SpecError


FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def _report(checks: Iterable[tuple[str, Check]], *, as_json: bool) -> None:
    """Show each finding as it comes; exit code 1 when something does not work."""
    found: list[Finding] = []
    for finding in examine(checks):
        found.append(finding)
        if not as_json:
            mark = click.style(f"{finding.level:4}", fg=COLOURS[finding.level])
            click.echo(f"{mark}  {visible(finding.check)}: {visible(finding.what)}")
            if finding.cure:
                click.echo(f"      → {visible(finding.cure)}")
    if as_json:
        click.echo(json.dumps([finding.to_mapping() for finding in found], indent=1))
    failed = sum(finding.level == "fail" for finding in found)
    if not as_json:
        warned = sum(finding.level == "warn" for finding in found)
        click.echo(f"{len(found)} checks, {failed} failed, {warned} to look at")
    if failed:
        sys.exit(1)


@click.group()
def doctor() -> None:
    """Look for what is wrong and say the cure. Changes nothing, prints no secret."""


@doctor.command()
@click.option("--state", type=FOLDER, required=True, help="The node's folder.")
@click.option("--domain", type=FOLDER, required=True, help="The domain's folder.")
@click.option("--gateway", required=True, metavar="URL", help="Address of the gateway.")
@click.option("--keys", type=FILE, help="The key file, where it does not lie in the folder.")
@click.option("--sandbox", type=FILE, help="sandbox.yaml, where jobs are Kubernetes Jobs.")
@AS_JSON
def node(
    state: Path,
    domain: Path,
    gateway: str,
    keys: Path | None,
    sandbox: Path | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """The node of a domain, and the machine under it."""
    from darkroom.bootstrap.doctor_node import NodeDoctor

    examined = NodeDoctor(state, domain, gateway, keys, sandbox)
    _report(examined.checks(), as_json=as_json)


@doctor.command()
@click.option("--state", type=FOLDER, required=True, help="The gateway's folder.")
@click.option("--blobs", default="folder", show_default=True, metavar="folder|s3://BUCKET")
@click.option("--public-url", "public_urls", multiple=True, metavar="URL")
@click.option("--tls-cert", type=FILE, help="Certificate chain (PEM).")
@AS_JSON
def gateway(
    state: Path,
    blobs: str,
    public_urls: tuple[str, ...],
    tls_cert: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """The gateway: folder, stores, certificate, public address."""
    from darkroom.bootstrap.doctor_gateway import GatewayDoctor
    from darkroom.bootstrap.gateway import GatewaySettings
    from darkroom.cli.gateway import s3_place

    settings = GatewaySettings(
        state=state,
        s3=s3_place(blobs),
        public_urls=public_urls,
        tls_cert=tls_cert,
        tls_key=tls_cert,  # not looked at
    )
    _report(GatewayDoctor(settings).checks(), as_json=as_json)


@doctor.command()
@click.option("--home", type=FOLDER, help="DARKROOM_HOME or ~/.darkroom by default.")
@click.option("--invitation", default="", help="A line darkroom1:… that does not work; - reads it.")
@AS_JSON
def scientist(home: Path | None, invitation: str, as_json: bool) -> None:  # noqa: FBT001
    """A scientist's home: keys, enrolments, gateway, MLflow."""
    from darkroom.bootstrap.doctor_scientist import ScientistDoctor

    line = sys.stdin.readline().strip() if invitation == "-" else invitation
    _report(ScientistDoctor(home, line).checks(), as_json=as_json)


@doctor.command()
@click.option("--state", type=FOLDER, default=Path("~/.darkroom/owner"), show_default=True)
@click.option("--backup", type=FOLDER, help="A copy of that folder.")
@AS_JSON
def owner(state: Path, backup: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """The data owner: keys, pins, what waits, copies."""
    from darkroom.bootstrap.doctor_owner import OwnerDoctor

    _report(OwnerDoctor(state.expanduser(), backup).checks(), as_json=as_json)


@doctor.command()
@click.option("--domain", type=FOLDER, required=True, help="The domain's folder.")
@click.option("--footage", type=FOLDER, help="This Pi's footage volume.")
@click.option("--exchange", type=FOLDER, help="The volume shared with the node.")
@click.option("--pi", default="pi", show_default=True, help="This Pi's name at the exchange.")
@click.option("--credentials", type=FOLDER, help="The folder of the cameras' credentials.")
@AS_JSON
def ingest(
    domain: Path,
    footage: Path | None,
    exchange: Path | None,
    pi: str,
    credentials: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Live cameras: do they answer, is there room, are masks drawn."""
    from darkroom.bootstrap.doctor_ingest import IngestDoctor

    examined = IngestDoctor(domain, footage, exchange, credentials, pi=pi)
    _report(examined.checks(), as_json=as_json)


@doctor.command()
@click.argument("domain")
@click.option("--kubeconfig", type=FILE, help="KUBECONFIG or ~/.kube/config by default.")
@AS_JSON
def cluster(domain: str, kubeconfig: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """The Kubernetes cluster that holds DOMAIN, as the API server tells it."""
    from darkroom.bootstrap.cluster_look import ClusterLook, access
    from darkroom.bootstrap.doctor_cluster import ClusterDoctor
    from darkroom.model.identity import require_name

    require_name(domain, "domain")
    try:
        opened = access(kubeconfig)
    except SpecError as error:
        raise SpecError(
            error.message, next_step=f"{error.next_step}; or name the file with --kubeconfig"
        ) from error
    with closing(ClusterLook(opened)) as look:
        _report(ClusterDoctor(look, domain).checks(), as_json=as_json)
