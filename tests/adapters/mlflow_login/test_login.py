"""Who gets in: a token of the Hub's, a browser that comes from the Hub, the operator."""

import base64
import hashlib
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from darkroom.adapters.mlflow_login.sealing import Seal
from tests.adapters.mlflow_login.conftest import BOB, KEY, PASSWORD, RunLog


pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # MLflow starts in half a minute
WHO = "/api/2.0/mlflow/users/current"


def name_of(answer: httpx.Response) -> str:
    return answer.json()["user"]["username"]


def fresh(run_log: RunLog, user: str, said: dict[str, object] | None = None) -> str:
    return run_log.hub.knows(secrets.token_hex(16), user, said)


# ------------------------------------------------------------------------------- tokens


def test_a_token_is_its_user(run_log: RunLog) -> None:
    asked = run_log.hub.asked
    token = fresh(run_log, "carol")

    first = run_log.ask(token, "GET", WHO)
    again = [run_log.ask(token, "GET", WHO) for _ in range(3)]

    assert name_of(first) == "carol"
    assert {name_of(answer) for answer in again} == {"carol"}
    assert run_log.hub.asked - asked == 1, "the Hub's answer holds for a minute"


@pytest.mark.parametrize(
    "said",
    [
        {"scopes": []},
        {"scopes": ["self"]},
        {"scopes": ["access:services!service=other", "access:servers!server=carol/"]},
        {"kind": "service"},
        {"name": None},
        {"name": "../carol"},
        {"name": "Carol"},
        {"name": "operator"},
    ],
    ids=str,
)
def test_a_token_for_something_else_is_nobodys(run_log: RunLog, said: dict[str, object]) -> None:
    token = fresh(run_log, "carol", said)
    if isinstance(said.get("name"), str):
        run_log.hub.groups[str(said["name"])] = []

    assert run_log.ask(token, "GET", WHO).status_code == 401


@pytest.mark.parametrize("token", ["x", "a b", "token of nobody", "0" * 5000, "ü" * 20])
def test_what_is_no_token_never_reaches_the_hub(run_log: RunLog, token: str) -> None:
    asked = run_log.hub.asked
    headers = {b"Authorization": f"Bearer {token}".encode()}

    answer = httpx.get(run_log.address + WHO, headers=headers)

    assert answer.status_code in {400, 401}
    assert run_log.hub.asked == asked


def test_without_the_hub_nobody_new_gets_in(run_log: RunLog) -> None:
    known, unknown = fresh(run_log, "dora"), fresh(run_log, "emil")
    assert name_of(run_log.ask(known, "GET", WHO)) == "dora"
    run_log.hub.away = True
    try:
        still = run_log.ask(known, "GET", WHO)
        new = run_log.ask(unknown, "GET", WHO)
    finally:
        run_log.hub.away = False

    assert (still.status_code, new.status_code) == (200, 503)
    assert "Hub" in new.text
    assert name_of(run_log.ask(unknown, "GET", WHO)) == "emil", "an outage is not remembered"


# ----------------------------------------------------------------------------- operator


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("operator", PASSWORD, 200),
        ("operator", "password1234", 401),
        ("bob", PASSWORD, 401),
        ("", "", 401),
    ],
)
def test_one_password_is_the_operators(
    run_log: RunLog, name: str, password: str, status: int
) -> None:
    assert httpx.get(run_log.address + WHO, auth=(name, password)).status_code == status


def test_no_other_account_has_a_password(run_log: RunLog) -> None:
    new = "a-password-that-somebody-set"
    run_log.ask(BOB, "GET", WHO)
    values = {"username": "bob", "password": new}
    path = f"{run_log.address}/api/2.0/mlflow/users/update-password"
    set_by_operator = httpx.patch(path, json=values, auth=("operator", PASSWORD))

    assert set_by_operator.status_code == 200
    assert httpx.get(run_log.address + WHO, auth=("bob", new)).status_code == 401


# ------------------------------------------------------------------------------ projects


def test_members_share_a_project_and_nobody_else(run_log: RunLog) -> None:
    first, second, third = (fresh(run_log, name) for name in ("fred", "gina", "hans"))
    for name in ("fred", "gina"):
        run_log.hub.groups[name] = ["project-plaza", "staff", "project-../x"]
    found = run_log.api(first, "GET", "experiments/get-by-name", experiment_name="plaza").json()
    shared = found["experiment"]["experiment_id"]
    made = run_log.api(first, "POST", "runs/create", experiment_id=shared, run_name="of fred")
    run = made.json()["run"]["info"]["run_id"]

    hers = run_log.api(second, "GET", "runs/get", run_id=run)
    others = run_log.api(third, "GET", "runs/get", run_id=run)
    names = run_log.api(first, "GET", "experiments/search", max_results=50).json()

    assert hers.json()["run"]["info"]["run_name"] == "of fred"
    assert others.status_code == 403
    assert [one["name"] for one in names["experiments"]] == ["plaza"]
    deleted = run_log.api(second, "POST", "experiments/delete", experiment_id=shared)
    assert deleted.status_code == 403, "a shared project is nobody's to delete"


def test_who_leaves_a_project_sees_it_no_more(run_log: RunLog) -> None:
    before = fresh(run_log, "ines")
    run_log.hub.groups["ines"] = ["project-quay"]
    found = run_log.api(before, "GET", "experiments/get-by-name", experiment_name="quay").json()
    run_log.hub.groups["ines"] = []
    after = fresh(run_log, "ines")  # or a minute later

    answer = run_log.api(
        after, "GET", "experiments/get", experiment_id=found["experiment"]["experiment_id"]
    )

    assert answer.status_code == 403


# ------------------------------------------------------------------------------- browsers


def login(run_log: RunLog, browser: httpx.Client, name: str) -> None:
    """Send a browser to the Hub, and back."""
    sent = browser.get("/?x=1")
    asked = {k: v[0] for k, v in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    code = secrets.token_hex(16)
    run_log.hub.codes[code] = fresh(run_log, name)
    back = browser.get("/oauth_callback", params={"code": code, "state": asked["state"]})
    assert (back.status_code, back.headers["location"]) == (302, "/?x=1"), back.text
    verifier = run_log.hub.exchanged[-1]["code_verifier"][0]
    digest = hashlib.sha256(verifier.encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_a_browser_comes_back_logged_in(run_log: RunLog) -> None:
    with httpx.Client(base_url=run_log.address, timeout=30) as browser:
        login(run_log, browser, "jana")
        assert name_of(browser.get(WHO)) == "jana"
        assert browser.get("/").status_code == 200


def test_cookies_are_for_this_server_alone(run_log: RunLog) -> None:
    sent = httpx.get(run_log.address)
    cookie = sent.headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert sent.headers["location"].startswith("http://hub.test/hub/api/oauth2/authorize?")


@pytest.mark.parametrize("fault", ["other state", "no cookie", "no code", "bad code", "denied"])
def test_a_login_that_was_not_begun_here_is_none(run_log: RunLog, fault: str) -> None:
    with httpx.Client(base_url=run_log.address, timeout=30) as browser:
        sent = browser.get("/")
        state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
        code = secrets.token_hex(16)
        run_log.hub.codes[code] = fresh(run_log, "kurt")
        given = {"code": code, "state": state}
        if fault == "other state":
            given["state"] = "0" * 43
        elif fault == "no cookie":
            browser.cookies.clear()
        elif fault == "no code":
            del given["code"]
        elif fault == "bad code":
            given["code"] = "nonsense"
        else:
            given = {"error": "access_denied", "state": state}

        answer = browser.get("/oauth_callback", params=given)

        assert answer.status_code == 403
        assert "darkroom-session" not in answer.headers.get("set-cookie", "")
        assert browser.get(WHO).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:5000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
    ids=str,
)
def test_a_page_of_another_address_gets_nothing(run_log: RunLog, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=run_log.address, timeout=30) as browser:
        login(run_log, browser, "lena")
        read = browser.get(WHO, headers=headers)
        write = browser.post(
            "/ajax-api/2.0/mlflow/experiments/create", json={"name": "lena/x"}, headers=headers
        )

    assert read.status_code == 403
    assert write.status_code == 403


def test_a_browser_changes_something_only_from_this_address(run_log: RunLog) -> None:
    path, values = "/ajax-api/2.0/mlflow/experiments/create", {"name": "mara/x"}
    with httpx.Client(base_url=run_log.address, timeout=30) as browser:
        login(run_log, browser, "mara")
        silent = browser.post(path, json=values)
        own = browser.post(path, json=values, headers={"Origin": run_log.address})
        link = browser.get(
            "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        )

    assert (silent.status_code, own.status_code, link.status_code) == (403, 200, 200)


def test_a_cookie_of_another_seal_or_purpose_is_none(run_log: RunLog) -> None:
    token = fresh(run_log, "nora")
    right = Seal(KEY).close("session", {"token": token})
    for sealed in (
        Seal("x" * 40).close("session", {"token": token}),
        Seal(KEY).close("login", {"token": token}),
        right[:-4] + "AAAA",
        "x" * 9000,
    ):
        cookie = {"darkroom-session": sealed}
        assert httpx.get(run_log.address + WHO, cookies=cookie).status_code == 401
    assert name_of(httpx.get(run_log.address + WHO, cookies={"darkroom-session": right})) == "nora"


def test_a_wrong_host_is_not_answered(run_log: RunLog) -> None:
    answer = run_log.ask(BOB, "GET", WHO, headers={"Host": "evil.example"})

    assert answer.status_code == 403


def test_no_token_is_in_the_log(run_log: RunLog) -> None:
    run_log.ask(BOB, "GET", WHO)

    assert BOB not in run_log.log.read_text()
