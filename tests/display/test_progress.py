"""Progress is state only, said once for each change, and never carries what a job prints."""

import io

from darkroom.display.progress import Lines, NotebookTable, choose_progress
from darkroom.model.job import Environment, JobRequest, JobSpec
from darkroom.model.output import Scalars
from darkroom.model.submitted import JobRow
from darkroom.scientist.advice import advice, headline, is_finished


SHA = "sha256:" + "1" * 64


def a_row(state: str = "running", **changed) -> JobRow:
    spec = JobSpec(
        name="count", tier="reviewed", entrypoint="job:count", files={"job.py": SHA},
        environment=Environment(name="tflite", lock_hash=SHA),
        outputs={"n": Scalars(names=("n",))},
    )  # fmt: skip
    request = JobRequest(
        job_id="a" * 32, spec=spec, submitter="alice", submitter_fingerprint=SHA,
        audience="north", project="p", dataset="plaza", dataset_version=SHA,
    )  # fmt: skip
    fields = {"request": request, "submission": "s", "label": "north", "state": state}
    return JobRow(**{**fields, **changed})


def test_a_line_for_each_change_and_none_else():
    out = io.StringIO()
    lines = Lines("count", headline, lambda: 5.0, out)

    for state in ("sent", "sent", "running", "running"):
        lines.show([a_row(state)], [])
    lines.show([a_row("running", shards=(1, 2))], ["north waits"])
    lines.show([a_row("running", shards=(1, 2))], ["north waits"])

    assert out.getvalue().splitlines() == [
        "count · north: sent (5 s)",
        "count · north: running (5 s)",
        "count · north: running 1/2 (5 s)",
        "  → north waits",
    ]


def test_foreign_words_cannot_move_the_cursor():
    out = io.StringIO()
    Lines("count", headline, lambda: 0.0, out).show([a_row()], ["\x1b[2Japproved"])

    assert "\x1b" not in out.getvalue()


def test_a_notebook_table_is_replaced_in_place(monkeypatch):
    shown: list[str] = []

    class Handle:
        def update(self, html):
            shown.append(f"again {html.data}")

    def display(html, display_id):
        shown.append(html.data)
        return Handle()

    import IPython

    monkeypatch.setattr(IPython.display, "display", display)
    table = NotebookTable("count", headline, lambda: 0.0)
    table.show([a_row("screened")], ["<b>olga</b> decides"])
    table.show([a_row("screened")], ["<b>olga</b> decides"])
    table.show([a_row("running")], [])

    assert len(shown) == 2
    assert "waits for review" in shown[0]
    assert "&lt;b&gt;olga" in shown[0]
    assert "●" in shown[0]
    assert shown[1].startswith("again")


def test_outside_of_notebooks_and_terminals_there_are_lines(capsys):
    with choose_progress("auto", headline=headline, now=lambda: 1.0)("count") as progress:
        progress.show([a_row()], [])

    assert capsys.readouterr().out == "count · north: running (1 s)\n"


def test_every_state_has_a_headline_and_an_end():
    ends = {
        "queued": False, "sent": False, "received": False, "screened": False, "approved": False,
        "running": False, "produced": False, "released": False, "rejected": True,
        "withheld": True, "failed": True, "cancelled": True,
    }  # fmt: skip

    assert {s: is_finished(a_row(s)) for s in ends} == ends
    assert is_finished(a_row("released", collected=True))
    assert is_finished(a_row("released", problem="forged"))
    assert all(headline(a_row(s)) for s in ends)


def test_advice_names_the_person_and_the_command():
    assert "darkroom review approve" in advice(a_row("screened"), "olga")
    assert f"darkroom release approve {'a' * 32}" in advice(a_row("produced"), "olga")
    assert "kept here" in advice(a_row("queued"), "olga")
    assert advice(a_row("running"), "olga") == ""
