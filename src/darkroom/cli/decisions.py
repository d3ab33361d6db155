"""`darkroom review …` and `darkroom release …`: read, then decide by digest."""

import os
from pathlib import Path

import click
from rich.console import Console

from darkroom.bootstrap.owner import open_office, state_suffix
from darkroom.cli.owner_options import say_offline, state_option
from darkroom.display.review_page import review_page
from darkroom.display.review_text import print_sheet
from darkroom.model.owner_case import Case, Subject
from darkroom.owner.desk import APPROVAL_DAYS, Desk
from darkroom.owner.sheet import Sheet
from darkroom.owner.wording import time_words


@click.group()
def review() -> None:
    """Code that waits for your approval."""


@click.group()
def release() -> None:
    """Outputs that wait for your release."""


_key = click.argument("digest", metavar="DIGEST|job:JOB")
_days = click.option(
    "--days",
    default=APPROVAL_DAYS,
    show_default=True,
    help="After these an approval that was not used is void; the policy may allow fewer.",
)
_reason = click.option("--reason", default="", help="Goes to the scientist.")
_all = click.option("--all", "everything", is_flag=True, help="Also what you decided before.")


@review.command(name="ls")
@state_option
@_all
def review_ls(state: Path, everything: bool) -> None:
    """List them."""
    with open_office(state, suffix=state_suffix(state)) as office:
        _print(office.desk.reviews(everything=everything).sheet)
        say_offline(office.desk)


@release.command(name="ls")
@state_option
@_all
def release_ls(state: Path, everything: bool) -> None:
    """List them."""
    with open_office(state, suffix=state_suffix(state)) as office:
        _print(office.desk.releases(everything=everything).sheet)
        say_offline(office.desk)


@review.command(name="show")
@state_option
@_key
def review_show(state: Path, digest: str) -> None:
    """Everything about one request: code, files, data asked for, what would leave."""
    _show(state, digest, "code")


@release.command(name="show")
@state_option
@_key
def release_show(state: Path, digest: str) -> None:
    """Everything about one release: what leaves, where it comes from."""
    _show(state, digest, "output")


@review.command(name="open")
@state_option
@_key
@click.option("--out", type=click.Path(path_type=Path), help="Where the page is written.")
@click.option("--browser", is_flag=True, help="Open it in a browser, too.")
def review_open(state: Path, digest: str, out: Path | None, browser: bool) -> None:
    """Write one HTML page with everything about a request."""
    _open(state, digest, "code", out, browser=browser)


@release.command(name="open")
@state_option
@_key
@click.option("--out", type=click.Path(path_type=Path), help="Where the page is written.")
@click.option("--browser", is_flag=True, help="Open it in a browser, too.")
def release_open(state: Path, digest: str, out: Path | None, browser: bool) -> None:
    """Write one HTML page with everything about a release."""
    _open(state, digest, "output", out, browser=browser)


@review.command(name="approve")
@state_option
@_key
@_reason
@_days
def review_approve(state: Path, digest: str, reason: str, days: float) -> None:
    """Let exactly this code run, once per request that waits under the digest."""
    with open_office(state) as office:
        _said("approved", office.desk, office.desk.approve(digest, reason, days=days))


@review.command(name="reject")
@state_option
@_key
@_reason
def review_reject(state: Path, digest: str, reason: str) -> None:
    """Refuse this code."""
    with open_office(state) as office:
        _said("rejected", office.desk, office.desk.reject(digest, reason))


@review.command(name="request-changes")
@state_option
@_key
@click.argument("words")
def review_request_changes(state: Path, digest: str, words: str) -> None:
    """Refuse this code as it is, and say what would make it a yes."""
    with open_office(state) as office:
        _said("changes requested of", office.desk, office.desk.request_changes(digest, words))


@review.command(name="ask")
@state_option
@_key
@click.argument("question")
def review_ask(state: Path, digest: str, question: str) -> None:
    """Ask the scientist about code that waits. What you write leaves the domain."""
    with open_office(state) as office:
        asked = office.desk.ask(digest, question)
        click.echo(f"asked about job {asked.job_id}; the answer stands on its sheet")
        say_offline(office.desk)


@review.command(name="withdraw")
@state_option
@_key
@_reason
def review_withdraw(state: Path, digest: str, reason: str) -> None:
    """Take an approval back; a job that runs is stopped."""
    with open_office(state) as office:
        _said("withdrawn", office.desk, office.desk.withdraw(digest, reason))


@release.command(name="approve")
@state_option
@_key
@_reason
@click.option("--with-log", is_flag=True, help="The log leaves, too.")
def release_approve(state: Path, digest: str, reason: str, with_log: bool) -> None:
    """Let exactly these outputs leave."""
    with open_office(state) as office:
        _said("released", office.desk, office.desk.release(digest, reason, with_log=with_log))


@release.command(name="withhold")
@state_option
@_key
@_reason
def release_withhold(state: Path, digest: str, reason: str) -> None:
    """Keep these outputs here."""
    with open_office(state) as office:
        _said("withheld", office.desk, office.desk.withhold(digest, reason))


def _show(state: Path, digest: str, subject: Subject) -> None:
    with open_office(state, suffix=state_suffix(state)) as office:
        office.desk.mailroom.refresh()
        _print(office.desk.show(digest, subject).sheet)
        say_offline(office.desk)


def _open(state: Path, digest: str, subject: Subject, out: Path | None, *, browser: bool) -> None:
    with open_office(state, suffix=state_suffix(state)) as office:
        office.desk.mailroom.refresh()
        case = office.desk.lookup.case(digest, subject)
        page = review_page(office.desk.sheet(case))
        name = (case.digest.removeprefix("sha256:") or case.job_id)[:16]
        word = "review" if subject == "code" else "release"
        path = (out or state / f"{word}-{name}.html").absolute()
        say_offline(office.desk)
    # Outputs that are not released yet are nobody else's to read.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(page)
    click.echo(path.as_uri())
    if browser:
        click.launch(path.as_uri())


def _said(word: str, desk: Desk, cases: list[Case]) -> None:
    for case in cases:
        until = f", until {time_words(case.expires_at)}" if case.expires_at else ""
        about = case.digest or "(a request that did not hold)"
        click.echo(f"{word} {about}, job {case.job_id}{until}")
    if not cases:
        click.echo("it was decided before")
    say_offline(desk)


def _print(sheet: Sheet) -> None:
    print_sheet(sheet, Console())
