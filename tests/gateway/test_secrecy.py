"""What the gateway keeps of an exchange, and that the search for it finds things."""

import base64
import bz2
import gzip
import io
import lzma
import random
import zipfile
import zlib

import pytest

from darkroom.adapters.pysyft.keyring import SycKeyring
from tests.gateway.secrecy import assert_gateway_holds_no
from tests.gateway.serving import serving


CODE = b"def job(data, params):\n    return {'people': sum(1 for _ in data.frames())}\n"
PARAMETERS = b'{"threshold": 0.8125, "classes": ["person", "bicycle"]}'


def test_after_an_exchange_the_gateway_holds_no_plaintext(tmp_path):
    alice = SycKeyring.generate("alice", "scientist")
    north = SycKeyring.generate("north", "domain")
    model = random.Random(7).randbytes(5 << 20)

    with serving(tmp_path) as gateway, gateway.relay(alice) as a, gateway.relay(north) as n:
        a.register(alice.identity)
        n.register(north.identity)
        n.admit("alice")
        sealed = alice.seal(CODE + PARAMETERS, north.identity)
        a.send("north", "a" * 32, sealed, expires_in=60)
        address = a.put_blob(alice.seal(model, north.identity), ["north"])

        [parcel] = n.receive(wait=5)
        assert CODE + PARAMETERS == north.open(parcel.envelope, alice.identity)
        assert model == north.open(n.get_blob("alice", address), alice.identity)
        # While it runs: also what lies in the write-ahead log.
        sought = {"code": CODE, "parameters": PARAMETERS, "model": model}
        assert_gateway_holds_no(tmp_path, sought)
    assert_gateway_holds_no(tmp_path, sought)


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("job.py", data)
    return file.getvalue()


@pytest.mark.parametrize(
    "hide",
    [
        bytes,
        base64.b64encode,
        base64.urlsafe_b64encode,
        lambda d: b'{"a":"' + base64.b64encode(d) + b'"}',
        lambda d: d.hex().encode(),
        lambda d: d.hex().upper().encode(),
        zlib.compress,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zipped,
        lambda d: base64.b64encode(zlib.compress(d)),
        lambda d: zlib.compress(base64.b64encode(d)),
    ],
    ids=[
        "plain", "base64", "urlsafe", "json", "hex", "HEX", "zlib", "gzip", "bz2", "xz",
        "zip", "zlib in base64", "base64 in zlib",
    ],
)  # fmt: skip
def test_the_search_finds_what_is_hidden_as(tmp_path, hide):
    hidden = hide(b"some more words before it; " + CODE)
    (tmp_path / "gateway.sqlite-wal").write_bytes(b"\x00\x01page" + hidden + b"\x00")

    with pytest.raises(AssertionError, match=r"a piece of code lies in gateway\.sqlite-wal"):
        assert_gateway_holds_no(tmp_path, {"code": CODE})


def test_the_search_finds_a_fragment(tmp_path):
    (tmp_path / "page").write_bytes(CODE[11:60])

    with pytest.raises(AssertionError, match="a piece of code"):
        assert_gateway_holds_no(tmp_path, {"code": CODE})


def test_the_search_refuses_to_look_at_nothing(tmp_path):
    with pytest.raises(AssertionError, match="holds nothing"):
        assert_gateway_holds_no(tmp_path, {"code": CODE})
