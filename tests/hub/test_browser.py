"""Two people in real browsers: from the login to tables, plots and MLflow, and no further.

Screenshots are kept in build/hub/.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.hub.browser import Browser, Page
from tests.hub.conftest import PICTURES, USERS, House
from tests.hub.person import Person


NOTEBOOK = "02_remote_detection.ipynb"
SERVER_SECONDS, START_SECONDS, NOTEBOOK_SECONDS = 180, 15, 600
TRIES = 3
# On a busy machine; on two free cores all of it takes less than five minutes.
pytestmark = [pytest.mark.hub, pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(1800)]

MENU = "[...document.querySelectorAll('.lm-MenuBar-itemLabel')].find(e => e.textContent == 'Run')"
RUN_ALL = (
    "[...document.querySelectorAll('.lm-Menu-itemLabel')]"
    ".find(e => e.textContent.trim() == 'Run All Cells')"
)
READY = "document.querySelector('#jp-main-statusbar').innerText.includes('| Idle')"
BUSY = (
    "document.querySelector('#jp-main-statusbar').innerText.includes('| Busy') || "
    "[...document.querySelectorAll('.jp-InputPrompt')].some(e => e.innerText.includes('*'))"
)
PANEL = "document.querySelector('.jp-WindowedPanel-outer')"
SEEN = """(() => {
    const here = selector => [...document.querySelectorAll('.jp-OutputArea-output ' + selector)];
    return {
        tables: here('table').map(e => e.innerText),
        pictures: here('img').map(e => [e.naturalWidth, e.naturalHeight]),
        links: here('a').map(e => e.href),
        errors: [...document.querySelectorAll(
            '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"], ' +
            '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]'
        )].map(e => e.innerText),
        prompts: [...document.querySelectorAll('.jp-InputPrompt')].map(e => e.innerText.trim()),
        end: Math.ceil(PANEL.scrollTop + PANEL.clientHeight) >= PANEL.scrollHeight - 2,
    };
})()""".replace("PANEL", PANEL)


def log_in(browser: Browser, house: House, user: str) -> Page:
    """From the login page to the Lab of that user."""
    page = browser.open(f"{house.stack.hub}/hub/login")
    page.write("#username_input", user)
    page.write("#password_input", house.passwords[user])
    page.picture(PICTURES / f"{user}-1-login.png")
    page.click("document.querySelector('#login_submit')")
    page.wait(
        f"location.pathname.startsWith('/user/{user}/lab') && "
        "!!document.querySelector('.jp-LauncherCard')",
        seconds=SERVER_SECONDS,
    )
    page.picture(PICTURES / f"{user}-2-lab.png")
    return page


def run_notebook(page: Page, user: str) -> dict[str, list[Any]]:
    """Open notebook 02, Run All, and everything that a person sees who scrolls through it."""
    page.go(page.url.split("/lab")[0] + f"/lab/tree/{NOTEBOOK}")
    page.wait(f"{READY} && !!document.querySelector('.jp-Cell')", seconds=SERVER_SECONDS)
    for _ in range(TRIES):  # a kernel that looks ready may still drop what it is given
        page.click(MENU)
        page.click(RUN_ALL)
        if page.sees(BUSY, seconds=START_SECONDS):
            break
    page.wait(f"{READY} && !({BUSY})", seconds=NOTEBOOK_SECONDS)
    page.run(f"{PANEL}.scrollTop = 0")
    seen: dict[str, list[Any]] = {}
    for step in range(40):
        page.wait("new Promise(done => requestAnimationFrame(() => setTimeout(done, 250, true)))")
        now = page.run(SEEN)
        page.picture(PICTURES / f"{user}-3-notebook-{step:02}.png")
        for kind, found in now.items():
            if kind != "end":
                seen.setdefault(kind, []).extend(f for f in found if f not in seen.get(kind, []))
        if now["end"]:
            return seen
        page.run(f"{PANEL}.scrollTop += 650")
    raise AssertionError("the notebook has no end")


@pytest.fixture(scope="module")
def visits(browser: Browser, house: House) -> dict[str, tuple[Page, dict[str, list[Any]]]]:
    """Both users, logged in one after the other, each with the notebook run to its end."""
    found = {}
    for user in USERS:
        page = log_in(browser, house, user)
        found[user] = (page, run_notebook(page, user))
    return found


Visits = dict[str, tuple[Page, dict[str, list[Any]]]]


@pytest.mark.parametrize("user", USERS)
def test_the_notebook_shows_tables_and_plots(visits: Visits, user: str) -> None:
    _, seen = visits[user]
    tables = "\n".join(seen["tables"])

    assert seen["errors"] == []
    assert not any("*" in prompt for prompt in seen["prompts"])
    assert "ap50" in tables
    assert "people per frame" in tables
    assert "north" in tables
    big = [size for size in seen["pictures"] if min(size) > 200]
    assert len(big) >= 2, "a frame with boxes, and plots by camera and hour"


def run_link(house: House, seen: dict[str, list[Any]]) -> str:
    links = [one for one in seen["links"] if one.startswith(f"{house.stack.mlflow}/#/experiments/")]
    assert len(set(links)) == 1, seen["links"]
    return links[0]


@pytest.mark.parametrize("user", USERS)
def test_the_link_leads_into_mlflow_without_a_second_login(
    browser: Browser, house: House, visits: Visits, user: str
) -> None:
    page, seen = visits[user]
    link = run_link(house, seen)
    before = {page.target}
    page.click(f"[...document.querySelectorAll('a')].find(e => e.href == {json.dumps(link)})")
    run = browser.tab_of(page, other_than=before)

    run.wait("document.body.innerText.includes('People and vehicles on all domains')")
    run.wait(
        "document.body.innerText.includes('FINISHED') || document.body.innerText.includes('Finished')"
    )
    assert run.url.startswith(link.split("#")[0])
    assert "password" not in run.text().lower()
    run.picture(PICTURES / f"{user}-4-mlflow-run.png")
    run.click("[...document.querySelectorAll('a')].find(e => e.innerText.endsWith('north'))")
    run.wait("document.body.innerText.includes('ap50_person')")
    run.run(
        "[...document.querySelectorAll('a')].find(e => /ap50/.test(e.innerText))?.scrollIntoView()"
    )
    run.picture(PICTURES / f"{user}-5-mlflow-metrics.png")
    cookie = run.cookies()["darkroom-session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"


RUN_NAME = '{{ mlflowGetRun(input: {{runId: "{run}"}}) {{ run {{ info {{ runName }} }} }} }}'


def test_a_link_of_alices_shows_bob_nothing(browser: Browser, house: House, visits: Visits) -> None:
    link = run_link(house, visits["alice"][1])
    run = link.partition("/runs/")[2].partition("?")[0]
    asked = json.dumps(json.dumps({"query": RUN_NAME.format(run=run)}))
    page = browser.open(link, profile=visits["bob"][0].profile)
    page.wait("document.body.innerText.includes('Run page loading')")  # and that is how it stays

    status = page.run(f"fetch('/ajax-api/2.0/mlflow/runs/get?run_id={run}').then(r => r.status)")
    told = page.run(
        f"fetch('/graphql', {{method: 'POST', body: {asked},"
        " headers: {'Content-Type': 'application/json'}}).then(r => r.json())"
    )
    page.picture(PICTURES / "bob-6-alices-run.png")

    assert status == 403
    assert told == {"data": {"mlflowGetRun": None}, "errors": None}
    assert not [word for word in ("People and vehicles", "ap50", "alice") if word in page.text()]


def test_alices_server_is_not_bobs(browser: Browser, house: House, visits: Visits) -> None:
    page = browser.open(f"{house.stack.hub}/user/alice/lab", profile=visits["bob"][0].profile)
    page.wait("/403|forbidden|not running|not allowed|access/i.test(document.body.innerText)")
    page.picture(PICTURES / "bob-7-alices-server.png")
    statuses = {
        path: page.get(f"{house.stack.hub}/user/alice/{path}").status_code
        for path in ("api/contents", "api/kernels", "files/notebooks/00_start_here.ipynb", "lab")
    }

    assert set(statuses.values()) <= {302, 403, 404}, statuses
    assert not page.run("!!document.querySelector('.jp-DirListing-item')")


ATTEMPTS = """
import glob, json, os, pathlib, urllib.error, urllib.request
alice, stack, hub, mlflow, experiment, run = json.loads({given!r})
said = {{}}

def attempt(name, action):
    try:
        said[name] = ["done", str(action())[:200]]
    except Exception as error:
        said[name] = ["refused", f"{{type(error).__name__}}: {{error}}"[:200]]

def ask(url, method="GET", body=None, token=os.environ["JUPYTERHUB_API_TOKEN"], scheme="Bearer"):
    headers = {{"Authorization": f"{{scheme}} {{token}}", "Content-Type": "application/json"}}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, headers, method=method)
    return urllib.request.urlopen(request, timeout=30).read()

attempt("own home", lambda: os.listdir(os.environ["DARKROOM_HOME"]))
attempt("own runs", lambda: ask(f"{{mlflow}}/api/2.0/mlflow/users/current"))
attempt("folder", lambda: os.listdir(alice))
attempt("keys", lambda: pathlib.Path(alice, "keys.json").read_bytes())
attempt("results", lambda: pathlib.Path(alice, "jobs.sqlite").read_bytes())
attempt("write", lambda: pathlib.Path(alice, "planted").write_text("bob"))
attempt("all homes", lambda: [n for n in os.listdir(os.path.dirname(alice)) if n != "bob"][0])
attempt("the stack", lambda: os.listdir(stack + "/domains/north/node"))
attempt("the hub's database", lambda: pathlib.Path(stack, "hub", "hub.sqlite").read_bytes())
attempt("mlflow's files", lambda: os.listdir(stack + "/mlflow"))
others = [p for p in glob.glob("/proc/[0-9]*") if os.stat(p).st_uid == {uid}]
said["processes"] = ["seen", len(others)]
for part in ("environ", "root/etc/hostname", "cwd/keys.json", "mem", "fd"):
    attempt(f"/proc {{part}}", lambda: [
        os.listdir(f"{{p}}/{{part}}") if part == "fd" else open(f"{{p}}/{{part}}", "rb").read(1)
        for p in others])
attempt("signal", lambda: [os.kill(int(p[6:]), 0) for p in others])
attempt("sockets of her kernels", lambda: os.listdir("/tmp/darkroom-jupyter-{uid}"))
attempt("become her", lambda: os.setuid({uid}))
attempt("her server", lambda: ask(f"{{hub}}/user/alice/api/contents", scheme="token"))
attempt("her user", lambda: ask(f"{{hub}}/hub/api/users/alice", scheme="token"))
attempt("a token of hers", lambda: ask(
    f"{{hub}}/hub/api/users/alice/tokens", "POST", {{}}, scheme="token"))
attempt("all users", lambda: ask(f"{{hub}}/hub/api/users", scheme="token"))
api = f"{{mlflow}}/api/2.0/mlflow"
attempt("run", lambda: ask(f"{{api}}/runs/get?run_id={{run}}"))
attempt("experiment", lambda: ask(f"{{api}}/experiments/get?experiment_id={{experiment}}"))
attempt("artifacts", lambda: ask(f"{{api}}/artifacts/list?run_id={{run}}"))
attempt("file", lambda: ask(f"{{mlflow}}/get-artifact?run_id={{run}}&path=receipt.json"))
attempt("proxy", lambda: ask(
    f"{{mlflow}}/api/2.0/mlflow-artifacts/artifacts/{{experiment}}/{{run}}/artifacts/receipt.json"))
attempt("tag", lambda: ask(f"{{api}}/runs/set-tag", "POST",
                           {{"run_id": run, "key": "a", "value": "bob"}}))
attempt("delete", lambda: ask(f"{{api}}/runs/delete", "POST", {{"run_id": run}}))
attempt("without a token", lambda: ask(f"{{api}}/runs/get?run_id={{run}}", token="x" * 32))
said["search"] = ["seen", ask(f"{{api}}/runs/search", "POST", {{
    "experiment_ids": [experiment]}}).decode()]
said["experiments"] = ["seen", ask(
    f"{{api}}/experiments/search?max_results=100").decode()]
print(json.dumps(said))
"""
ALLOWED = {"own home", "own runs"}
SEPARATE_USERS = {
    "folder", "keys", "results", "write", "all homes", "the stack", "the hub's database",
    "mlflow's files", "/proc environ", "/proc root/etc/hostname", "/proc cwd/keys.json",
    "/proc mem", "/proc fd", "signal", "sockets of her kernels", "become her",
}  # fmt: skip


def test_bobs_notebook_reaches_nothing_of_alices(house: House, visits: Visits) -> None:
    link = run_link(house, visits["alice"][1]).partition("?")[0]
    experiment, _, run = link.partition("/runs/")
    home = house.users / "alice"
    given = json.dumps(
        [
            str(home), str(house.stack.plan.root), house.stack.hub, house.stack.mlflow,
            experiment.rpartition("/")[2], run,
        ]
    )  # fmt: skip
    uid = home.stat().st_uid
    with Person(house.stack.hub, "bob") as bob:
        assert bob.log_in(house.passwords["bob"]) == 302
        bob.server()
        printed = bob.run_cell(ATTEMPTS.format(given=given, uid=uid))
    said = json.loads(printed)
    PICTURES.joinpath("bobs-attempts.json").write_text(json.dumps(said, indent=1))
    apart = os.geteuid() == 0

    done = {name for name, (how, _) in said.items() if how == "done"}
    assert done - ALLOWED <= (set() if apart else SEPARATE_USERS), said
    assert done >= ALLOWED
    assert json.loads(said["search"][1]).get("runs", []) == []
    assert "alice" not in said["experiments"][1]
    assert "bob/remote-detection" in said["experiments"][1]
    if not apart:
        pytest.skip("bob's files are apart from alice's only where root starts the Hub")
    assert said["processes"][1] >= 2, "her server and her kernel ran meanwhile"
    assert not Path(home, "planted").exists()


def test_what_it_takes(house: House, visits: Visits) -> None:  # all of it ran
    """Resident memory, for the chart's requests; printed and kept, and no more than a Pi has."""
    import psutil

    uid = (house.users / "alice").stat().st_uid
    found: dict[str, float] = {}
    for name in ("mlflow", "hub"):
        process = psutil.Process(house.stack.processes.find(name).pid)
        family = [process, *process.children(recursive=True)]
        for member in family:
            kind = name
            words = " ".join(member.cmdline())
            if "singleuser" in words or "ipykernel" in words:
                kind = "server" if "singleuser" in words else "kernel"
                if os.geteuid() == 0 and member.uids().real != uid:
                    continue
            elif "configurable-http-proxy" in words:
                kind = "proxy"
            found[kind] = round(found.get(kind, 0) + member.memory_info().rss / 2**20, 1)
    print(json.dumps(found))
    PICTURES.joinpath("memory.json").write_text(json.dumps(found))

    assert found["mlflow"] < 800
    assert found["server"] < 400
