"""`HttpRelay` against gateways that are gone, slow, wrong or hostile."""

import hashlib
import http.server
import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.http.answers import error_of, parcel_of, plain
from darkroom.adapters.http.relay import HttpRelay
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.errors import (
    DarkroomError,
    EnvelopeError,
    QuotaError,
    SpecError,
    TrustError,
    UnreachableError,
)
from darkroom.model.address import is_loopback, normal_address
from tests.gateway.serving import serving


class Script:
    """A server that answers what a test tells it to; it logs requests, and lets all log in."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict, bytes]] = []
        self.requests: list[tuple[str, str]] = []
        self.logins = 0
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                status, headers, body = script.next_answer(self.command, self.path)
                if status == 0:  # hang up
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def next_answer(self, method: str, path: str) -> tuple[int, dict, bytes]:
        path = path.partition("?")[0]
        self.requests.append((method, path))
        if path == "/v1/challenge":
            return 200, {}, b'{"nonce": "1.2.3", "expires_in": 60}'
        if path == "/v1/login":
            self.logins += 1
            return 200, {}, b'{"token": "t%d", "expires_in": 600}' % self.logins
        return self.answers.pop(0)

    def say(self, body: object, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, headers, data))

    def hang_up(self) -> None:
        self.answers.append((0, {}, b""))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def script():
    server = Script()
    yield server
    server.close()


@pytest.fixture(scope="module")
def keyring():
    return SycKeyring.generate("alice", "scientist")


@pytest.fixture
def relay(script, keyring):
    with HttpRelay(script.address, keyring, SystemClock(), pause=lambda _: None) as client:
        yield client


# -------------------------------------------------------------------- gone, slow, wrong


def test_nobody_at_the_address_is_one_clear_error(keyring):
    pauses = []
    relay = HttpRelay("http://127.0.0.1:9", keyring, SystemClock(), pause=pauses.append)

    with relay, pytest.raises(UnreachableError) as caught:
        relay.receive(wait=0)

    assert "http://127.0.0.1:9 did not answer" in caught.value.message
    assert "nothing is lost" in caught.value.next_step
    assert pauses == sorted(pauses)
    assert len(pauses) == 3  # backs off between four attempts
    assert sum(pauses) < 2.0


def test_a_call_that_was_cut_off_is_made_again(script, relay):
    script.hang_up()
    script.hang_up()
    script.say({"senders": ["bob"]})

    assert ["bob"] == relay.admitted()
    assert 1 == script.logins


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_its_gateway_is_asked_again(script, relay, status):
    script.say(b"<html>Bad gateway</html>", status=status)
    script.say({"senders": []})

    assert [] == relay.admitted()


def test_a_gateway_that_stays_away_is_unreachable(script, relay):
    for _ in range(4):
        script.say(b"<html>Bad gateway</html>", status=502)

    with pytest.raises(UnreachableError, match="HTTP status 502"):
        relay.admitted()


def test_a_rate_limit_is_waited_out_and_another_quota_is_not(script, keyring):
    pauses = []
    relay = HttpRelay(script.address, keyring, SystemClock(), pause=pauses.append)
    quota = {"code": "quota", "message": "full", "next_step": "wait"}
    script.say(quota, status=429, **{"retry-after": "1.5"})
    script.say(quota, status=429, **{"retry-after": "99999"})
    script.say(quota, status=429)

    with relay, pytest.raises(QuotaError, match="full"):
        relay.admitted()

    assert [1.5, 5.0] == pauses


def test_an_ended_session_is_renewed_once(script, relay):
    refused = {"code": "trust", "message": "ended", "next_step": "log in"}
    script.say(refused, status=401)
    script.say({"senders": []})
    assert [] == relay.admitted()
    assert 2 == script.logins

    script.say(refused, status=401)
    script.say(refused, status=401)
    with pytest.raises(TrustError, match="just opened"):
        relay.admitted()


def test_several_threads_log_in_once(script, keyring):
    with HttpRelay(script.address, keyring, SystemClock()) as relay:
        for _ in range(6):
            script.say({"senders": []})
        threads = [threading.Thread(target=relay.admitted) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert 1 == script.logins


def test_one_thread_polls_while_another_sends(tmp_path):
    with serving(tmp_path) as gateway, gateway.join("alice") as alice:
        alice.admit("alice")
        got = []

        def poll() -> None:
            while len(got) < 20:
                for parcel in alice.receive(wait=10):
                    got.append(parcel.id)
                    alice.acknowledge(parcel.cursor)

        poller = threading.Thread(target=poll)
        poller.start()
        for index in range(20):
            alice.send("alice", str(index), b"x", expires_in=60)
        poller.join(20)

        assert [str(index) for index in range(20)] == got


def test_a_closed_client_leaves_no_poll_behind(tmp_path):
    with serving(tmp_path) as gateway:
        alice = gateway.join("alice")
        ended = []

        def poll() -> None:
            try:
                alice.receive(wait=30)
            except DarkroomError as error:
                ended.append(error.code)

        poller = threading.Thread(target=poll)
        poller.start()
        alice.close()
    poller.join(20)  # at the latest the gateway's own end ends it

    assert not poller.is_alive()


# ----------------------------------------------------------------------------- hostile


def parcel(**changes) -> dict:
    return {
        "cursor": 1, "id": "1", "sender": "bob", "sent_at": 1.0, "bounced": "", "envelope": "eA==",
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    "page",
    [
        b"not json",
        b"[]",
        b'"text"',
        b"[" * 100_000,
        {},
        {"parcels": {}, "more": False},
        {"parcels": [], "more": "yes"},
        {"parcels": ["text"], "more": False},
        {"parcels": [parcel(cursor="1")], "more": False},
        {"parcels": [parcel(cursor=0)], "more": False},
        {"parcels": [parcel(cursor=True)], "more": False},
        {"parcels": [parcel(), parcel()], "more": False},
        {"parcels": [parcel(envelope="ä")], "more": False},
        {"parcels": [parcel(envelope="e")], "more": False},
        {"parcels": [parcel(envelope=None)], "more": False},
        {"parcels": [parcel(sent_at="now")], "more": False},
        b'{"parcels": [], "more": false, "sent_at": NaN',
    ],
    ids=lambda page: repr(page)[:60],
)
def test_an_answer_that_no_gateway_gives_is_refused(script, relay, page):
    script.say(page)

    with pytest.raises(UnreachableError, match="does not speak like a gateway"):
        relay.receive(wait=0)


def test_a_time_that_is_no_number_is_refused(script, relay):
    script.say(b'{"parcels": [%s], "more": false}' % json.dumps(parcel(sent_at=1)).encode())
    assert 1.0 == relay.receive(wait=0)[0].sent_at
    script.say(json.dumps({"parcels": [parcel(sent_at=float("inf"))], "more": False}).encode())
    with pytest.raises(UnreachableError):
        relay.receive(wait=0)


def test_a_gateway_cannot_make_the_client_page_for_ever(script, relay):
    script.say({"parcels": [parcel(cursor=1)], "more": True})
    script.say({"parcels": [], "more": True})
    script.say({"parcels": [parcel(cursor=1)], "more": True})

    with pytest.raises(UnreachableError):
        relay.receive(wait=0)


def test_an_endless_answer_is_cut_off(script, relay):
    script.say(b" " * (17 << 20))

    with pytest.raises(UnreachableError, match="does not speak like a gateway"):
        relay.receive(wait=0)


def test_a_compressed_answer_is_refused_before_it_unfolds(script, relay):
    script.say(b"\x1f\x8b bomb", **{"content-encoding": "gzip"})

    with pytest.raises(UnreachableError):
        relay.receive(wait=0)


def test_a_redirection_is_not_followed(script, relay):
    script.say(b"", status=307, location="http://127.0.0.1:1/")

    with pytest.raises(UnreachableError):
        relay.admitted()
    assert [("GET", "/v1/admitted")] == [r for r in script.requests if r[0] == "GET"]


def test_the_identity_of_another_name_is_refused(script, relay, keyring):
    script.say({"identity": keyring.identity.to_mapping()})

    with pytest.raises(UnreachableError):
        relay.identity("north")


@pytest.mark.parametrize(
    "facts",
    [
        {"size": 1 << 60, "chunk": 4 << 20},
        {"size": -1, "chunk": 4 << 20},
        {"size": 100, "chunk": 0},
        {"size": 100, "chunk": 1 << 40},
        {"size": (512 << 20) + 1, "chunk": 4 << 20},
    ],
)
def test_a_blob_larger_than_is_fetched_is_refused_before_it_is(script, relay, facts):
    script.say(facts)

    with pytest.raises(EnvelopeError, match="more than is fetched here"):
        relay.get_blob("bob", "sha256:" + "0" * 64)


def test_a_blob_with_other_bytes_is_refused(script, relay):
    address = "sha256:" + hashlib.sha256(b"right").hexdigest()
    script.say({"size": 5, "chunk": 100})
    script.say(b"wrong")

    with pytest.raises(EnvelopeError, match="other bytes than its address says"):
        relay.get_blob("bob", address)


def test_an_answer_longer_than_the_chunk_is_refused(script, relay):
    script.say({"size": 5, "chunk": 100})
    script.say(b"x" * 101)

    with pytest.raises(UnreachableError):
        relay.get_blob("bob", "sha256:" + "0" * 64)


@pytest.mark.parametrize("received", [-100, 1, 150, 500, 10**30, "0", None])
def test_an_upload_is_not_led_astray(script, relay, received):
    script.say({"received": received, "ready": False, "chunk": 100})

    with pytest.raises(UnreachableError):
        relay.put_blob(b"x" * 500, [])


def test_words_of_a_gateway_reach_the_terminal_tamed(script, relay):
    script.say(
        {"code": "quota", "message": "full\x1b[2J\u202e\n\u200bnow", "next_step": "x" * 9999},
        status=429,
    )

    with pytest.raises(QuotaError) as caught:
        relay.admitted()

    assert "full [2J now" == caught.value.message
    assert 600 == len(caught.value.next_step)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"code": "quota"}',
        b'{"code": "no-such-code", "message": "m"}',
        b'{"code": ["quota"], "message": "m"}',
        b"\xff",
    ],
)
def test_a_refusal_that_is_no_error_of_ours_is_unreachable(body):
    assert type(error_of(418, body)) is UnreachableError


def test_strange_times_are_not_learnt(script, relay):
    for text in ("nan", "inf", "-5", "1e300", "soon", ""):
        script.say({"senders": []}, **{"x-darkroom-time": text})
        relay.admitted()
        assert 0.0 == relay.clock_offset


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["cursor", "id", "sender", "sent_at", "bounced", "envelope"]),
        st.none() | st.integers() | st.floats() | st.text() | st.booleans(),
    )
)
def test_any_parcel_is_read_or_refused(value):
    try:
        read = parcel_of(parcel() | value)
    except UnreachableError:
        return
    assert (read.sender + read.id + read.bounced).isprintable()


@given(st.text())
def test_plain_text_is_one_printable_line(text):
    assert plain(text).isprintable()


# --------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://Gateway.Example.ORG", "https://gateway.example.org"),
        ("https://gateway.example.org/", "https://gateway.example.org"),
        ("https://gateway.example.org:443", "https://gateway.example.org"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:8400/", "http://127.0.0.1:8400"),
        ("HTTP://[::1]:8400", "http://[::1]:8400"),
        ("https://hub.org/Services/Gateway//", "https://hub.org/Services/Gateway"),
    ],
)
def test_an_address_is_written_one_way(written, normal):
    assert normal == normal_address(written)
    assert normal == normal_address(normal)


@pytest.mark.parametrize(
    "written",
    [
        "", "gateway.example.org", "ftp://x", "https://", "https://a b", "https://user:pw@x",
        "https://x?q=1", "https://x#f", "https://x:99999999", "https://x/../y?z", "https://x\n",
        "https://-x", "https://x:", "https://ⅹ.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(written):
    with pytest.raises(SpecError):
        normal_address(written)


def test_plain_http_stays_on_this_machine_unless_it_is_said(keyring):
    assert is_loopback("http://127.0.0.1:1")
    assert not is_loopback("http://127.0.0.1.example.org")
    with pytest.raises(SpecError, match="plain http to another machine"):
        HttpRelay("http://gateway:8400", keyring, SystemClock())
    HttpRelay("http://gateway:8400", keyring, SystemClock(), allow_plain_http=True).close()
    HttpRelay("https://gateway.example.org", keyring, SystemClock()).close()


# ------------------------------------------------------------- numbers and texts that break


@pytest.mark.parametrize(
    "session",
    [
        b'{"token": "t", "expires_in": 1' + b"0" * 400 + b"}",
        b'{"token": "t", "expires_in": 1e400}',
        b'{"token": "t", "expires_in": NaN}',
        b'{"token": "\\ud800", "expires_in": 60}',
        b'{"token": "\\u00e9", "expires_in": 60}',
        b'{"token": "t\\r\\nx: y", "expires_in": 60}',
    ],
)
def test_a_session_that_nobody_can_count_with_is_a_strange_answer(
    script, relay, monkeypatch, session
):
    plainly = script.next_answer
    monkeypatch.setattr(
        script,
        "next_answer",
        lambda method, path: (200, {}, session) if path == "/v1/login" else plainly(method, path),
    )
    script.say({"senders": []})

    with pytest.raises(UnreachableError):
        relay.admitted()


@pytest.mark.parametrize("number", [b"1" + b"0" * 400, b"NaN", b"-1e999", b"9223372036854775808"])
def test_a_parcel_with_a_number_beyond_all_is_a_strange_answer(script, relay, number):
    parcel = (
        b'{"cursor": 1, "id": "a", "sender": "b", "sent_at": %s, "envelope": "", "bounced": ""}'
    )
    script.say(b'{"parcels": [%s], "more": false}' % (parcel % number))

    with pytest.raises(UnreachableError):
        relay.receive(wait=0)


@pytest.mark.parametrize("asked", ["nan", "-nan", "-5", "inf", "1e999"])
def test_no_pause_that_a_gateway_asks_for_is_one_that_cannot_be_slept(script, keyring, asked):
    pauses: list[float] = []
    script.say({}, status=503, **{"retry-after": asked})
    script.say({"senders": []})
    with HttpRelay(script.address, keyring, SystemClock(), pause=pauses.append) as relay:
        assert relay.admitted() == []

    assert len(pauses) == 1
    assert 0.0 < pauses[0] <= 5.0


@pytest.mark.parametrize("message", [["x"], 5, {"a": 1}, None, ""])
def test_a_refusal_without_words_is_no_refusal_of_a_gateway(message):
    body = json.dumps({"code": "trust", "message": message}).encode()

    assert type(error_of(403, body)) is UnreachableError
