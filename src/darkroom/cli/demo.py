"""`darkroom demo`: the whole path once, from private footage to a logged result."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from darkroom.bootstrap.audit_hand_over import hand_over
from darkroom.bootstrap.local_stack import VIDEO_DATASET, LocalStack, StackPlan
from darkroom.bootstrap.notebook_run import NotebookRun, run_notebook, write_pages
from darkroom.bootstrap.report import build_report, describe, write_report
from darkroom.config import REPOSITORY, real_material
from darkroom.errors import InputError


ROOT = REPOSITORY / "build" / "demo"
DOMAINS = ("north", "east", "south")
# Two at a time, for there are two cores. Both trainings are in one lane: `south` has one worker,
# and a job that shares the cores with another one takes longer, up to the next power of two.
LANES = (
    (
        "00_start_here",
        "01_the_mock_data",
        "12_try_to_steal_a_frame",
        "11_policy_and_budget",
        "02_remote_detection",
        "20_the_auditors_desk",
    ),
    ("03_remote_training", "04_pysyft_client"),
)
# What has to be over first: the auditor traces the model that was trained.
AFTER = {"20_the_auditors_desk": ("03_remote_training",)}
AUDITED = "south"  # trained there
NOTEBOOKS = tuple(sorted(name for lane in LANES for name in lane))
# How an owner's process begins the lines that say what it was asked, and what it answered.
TOLD = ("May ", "APPROVED ", "RELEASED ", "REJECTED ", "WITHHELD ")
ASKED = " asks to run "
YOLOX = Path("yolox_nano", "yolox_nano_float16_quantize.tflite")


@click.command()
@click.option(
    "--video",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A real clip that feeds north as a second dataset.",
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The detector to carry to the clip; YOLOX-nano of $DARKROOM_REAL by default.",
)
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, show_default="build/demo")
@click.option("--keep", is_flag=True, help="Keep keys, footage and databases afterwards.")
def demo(video: Path | None, model: Path | None, root: Path, keep: bool) -> None:
    """Run gateway, three domains, owners, S3 and MLflow, and the notebooks against them."""
    began = time.monotonic()
    carried = _carried_model(video, model)
    state = root / "state"
    shutil.rmtree(state, ignore_errors=True)
    console = Console(stderr=True, highlight=False)
    plan = StackPlan(
        root=state,
        domains=tuple(REPOSITORY / "domains" / name for name in DOMAINS),
        video=video,
    )
    steps = ("services", "footage, keys, enrolment", *NOTEBOOKS, "report")
    with _progress(console, len(steps)) as (advance, say):
        advance("starting services, rendering private footage")
        stack = LocalStack(plan, say=say)

        def run(name: str) -> NotebookRun:
            if name == "20_the_auditors_desk":
                hand_over(stack, AUDITED, "alice", _evidence(root))
            return _run(name, root, stack, video, carried)

        stack.start()
        try:
            with _owners_said(stack, say):
                advance("waiting for MLflow")
                stack.wait_for_run_log()
                _run_lanes(run, advance)
                advance("writing the report")
                report = build_report(stack, root / "reports", seconds=time.monotonic() - began)
        finally:
            stack.stop()
        advance("done")
    path = write_report(report, root / "report.json")
    describe(report, path, Console(highlight=False))
    if not keep:
        shutil.rmtree(state, ignore_errors=True)


def _carried_model(video: Path | None, model: Path | None) -> Path | None:
    if video is None:
        return None
    real = real_material()
    carried = model or (real / YOLOX if real else None)
    if carried is None or not carried.exists():
        raise InputError(
            "a real clip needs a detector that was trained on real footage",
            next_step="name one: darkroom demo --video CLIP --model FILE.tflite, "
            "or set DARKROOM_REAL",
        )
    return carried


def _run_lanes(run: Callable[[str], NotebookRun], advance: Callable[[str], None]) -> None:
    """Every notebook of every lane; the first error ends the demo once the others are through."""
    broken = threading.Event()
    over = {name: threading.Event() for name in NOTEBOOKS}

    def follow(lane: tuple[str, ...]) -> None:
        ran = []
        try:
            for name in lane:
                for earlier in AFTER.get(name, ()):
                    over[earlier].wait()
                if broken.is_set():
                    return
                advance(f"notebook {name}")
                ran.append(run(name))
                run_notebook(ran[-1], page=False)
                over[name].set()
            write_pages([done.output for done in ran], ran[-1].environment)
        except BaseException:
            broken.set()
            raise
        finally:
            for name in lane:  # nobody waits for what will not come
                over[name].set()

    with ThreadPoolExecutor(len(LANES)) as pool:
        for done in [pool.submit(follow, lane) for lane in LANES]:
            done.result()


def _run(
    name: str, root: Path, stack: LocalStack, video: Path | None, carried: Path | None
) -> NotebookRun:
    parameters: dict[str, object] = {"report": str(root / "reports" / f"{name}.json")}
    match name:
        case "11_policy_and_budget":
            parameters["state"] = str(stack.plan.owner_state("north"))
        case "12_try_to_steal_a_frame":
            parameters["owner"] = str(stack.plan.owner_state("east"))
        case "20_the_auditors_desk":
            parameters["evidence"] = str(_evidence(root))
        case "02_remote_detection" if video is not None:
            parameters |= {
                "video_dataset": VIDEO_DATASET,
                "carried_model": str(carried),
                "progress": "lines",
            }
        case "03_remote_training":  # a third of its steps: two cores, four minutes
            parameters |= {"steps": 40, "every": 4, "progress": "lines"}
        case "04_pysyft_client":  # the same work again, so less of it
            parameters |= {"look_at_every": 5, "steps": 20, "every": 5}
        case _:
            parameters["progress"] = "lines"
    return NotebookRun(
        notebook=REPOSITORY / "notebooks" / f"{name}.ipynb",
        output=root / "notebooks" / f"{name}.ipynb",
        parameters=parameters,
        environment=stack.environment(home=stack.plan.home("alice")),
    )


def _evidence(root: Path) -> Path:
    """What is handed over to the auditor."""
    return (root / "audit" / AUDITED).resolve()


@contextmanager
def _progress(
    console: Console, steps: int
) -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<46}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        task = progress.add_task("", total=steps)
        first = True

        def advance(text: str) -> None:
            nonlocal first
            progress.update(task, description=text, advance=0 if first else 1)
            first = False
            if not console.is_terminal:
                console.print(f"* {text}")

        def say(line: str) -> None:
            progress.console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)

        yield advance, say


@contextmanager
def _owners_said(stack: LocalStack, say: Callable[[str], None]) -> Iterator[None]:
    """Show what the owners are asked and what they answer; their logs hold it in full."""
    stop = threading.Event()
    owners = [p for p in stack.processes.running if p.name.startswith("owner-")]
    shown = {p.name: len(p.said()) for p in owners}

    def follow() -> None:
        ended = False
        while not ended:
            ended = stop.wait(0.3)
            for owner in owners:
                text = owner.said()
                complete = text[: text.rfind("\n") + 1]
                for line in complete[shown[owner.name] :].splitlines():
                    if line.startswith(TOLD) or ASKED in line:
                        say(f"{owner.name}: {line.partition(' (--yes')[0]}")
                shown[owner.name] = max(shown[owner.name], len(complete))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
