"""`darkroom gateway …`: for who operates the central relay."""

from pathlib import Path

import click

from darkroom.bootstrap.gateway import (
    GatewaySettings,
    S3Place,
    forget_identity,
    serve,
)
from darkroom.bootstrap.operations import OperationsSettings, stop_politely
from darkroom.cli.operations_options import Format, Place, operations_options
from darkroom.config import s3_endpoint, s3_keys
from darkroom.errors import SpecError
from darkroom.model.identity import require_name


DEFAULT_PORT = 8400
STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the gateway's store.",
)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def gateway() -> None:
    """The relay of the central cluster: stores and forwards what it cannot read."""


def s3_place(blobs: str) -> S3Place | None:
    """Where `--blobs` points: None for a folder, else a bucket with keys from the config.

    Raises:
        SpecError: it is neither `folder` nor `s3://bucket`.
    """
    if blobs == "folder":
        return None
    bucket = blobs.removeprefix("s3://").rstrip("/")
    if not blobs.startswith("s3://") or not bucket or "/" in bucket:
        raise SpecError(
            f"blobs cannot lie in {ascii(blobs)[:80]}",
            next_step="use --blobs folder, or --blobs s3://bucket",
        )
    access_key, secret_key = s3_keys()
    return S3Place(
        endpoint=s3_endpoint(),
        bucket=bucket,
        access_key=access_key,
        secret_key=secret_key,
    )


@gateway.command("serve")
@STATE
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option(
    "--blobs",
    default="folder",
    show_default=True,
    metavar="folder|s3://BUCKET",
    help="Where big ciphertexts lie. S3 takes DARKROOM_S3_ENDPOINT and its two keys.",
)
@click.option(
    "--public-url",
    "public_urls",
    multiple=True,
    metavar="URL",
    help="An address that clients dial; needed when not on loopback. May be repeated.",
)
@click.option("--tls-cert", type=FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=FILE, help="Its private key (PEM).")
@click.option(
    "--insecure-behind-proxy",
    is_flag=True,
    help="Serve plain HTTP to other machines, because a proxy in front ends TLS.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    help="A proxy (address or network) whose X-Forwarded-For counts. May be repeated.",
)
@operations_options
def serve_command(  # noqa: PLR0917 - click passes all of them by name
    state: Path,
    host: str,
    port: int,
    blobs: str,
    public_urls: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure_behind_proxy: bool,
    trusted_proxies: tuple[str, ...],
    place: Place | None,
    log_format: Format,
) -> None:
    """Serve until it is stopped (Ctrl-C, or SIGTERM)."""
    stop_politely()
    settings = GatewaySettings(
        state=state,
        host=host,
        port=port,
        s3=s3_place(blobs),
        public_urls=public_urls,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure_behind_proxy=insecure_behind_proxy,
        trusted_proxies=trusted_proxies,
    )
    serve(
        settings,
        say=click.echo,
        operations=OperationsSettings(process="gateway", place=place, log_format=log_format),
    )


@gateway.command("forget")
@STATE
@click.argument("name")
def forget_command(state: Path, name: str) -> None:
    """Free NAME, whose keys are lost. Its pins elsewhere still refuse other keys."""
    require_name(name, "identity")
    if forget_identity(state, name):
        click.echo(f"{name} is free again; its mail, cards and admissions are gone")
    else:
        click.echo(f"nobody was registered here as {name}")
