"""Where a gateway listens, under which names, and what it refuses to do."""

import datetime as dt
import ipaddress
import ssl

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from darkroom.bootstrap.gateway import GatewaySettings, S3Place, own_addresses
from darkroom.cli.gateway import gateway as command
from darkroom.cli.gateway import s3_place
from darkroom.errors import SpecError, StateError, TrustError
from darkroom.gateway.limits import GatewayLimits
from tests.conformance.s3_server import s3_server  # noqa: F401
from tests.gateway.serving import serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a self-signed certificate for 127.0.0.1, as PEM files."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the TLS library has its own clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


def test_over_tls_clients_check_the_certificate(tmp_path, certificate):
    cert, key = certificate
    with serving(tmp_path, tls_cert=cert, tls_key=key) as gateway:
        assert gateway.address.startswith("https://127.0.0.1:")
        with gateway.join("alice", ca_file=cert) as alice:
            assert [] == alice.receive(wait=0)
        with pytest.raises(Exception, match="did not answer") as caught:
            gateway.join("bob", pause=lambda _: None)  # does not know that certificate
        assert "unreachable" == caught.value.code
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{gateway.address}/healthz", verify=ssl.create_default_context())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "0.0.0.0"}, "does not serve plain HTTP on 0.0.0.0"),
        ({"host": "::"}, "does not serve plain HTTP"),
        ({"host": "192.0.2.1"}, "does not serve plain HTTP"),
        ({"host": "gateway.example.org"}, "does not serve plain HTTP"),
        ({"host": "0.0.0.0", "insecure_behind_proxy": True}, "cannot guess"),
        ({"tls_cert": "here"}, "both a certificate and a key"),
        ({"tls_key": "here"}, "both a certificate and a key"),
    ],
)
def test_unsafe_settings_are_refused_with_the_way_out(tmp_path, changes, said):
    with pytest.raises(SpecError, match=said) as caught:
        GatewaySettings(state=tmp_path, **changes)

    assert "--" in caught.value.next_step


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_nothing(tmp_path, host):
    assert GatewaySettings(state=tmp_path, host=host).host == host


def test_behind_a_proxy_it_listens_and_says_what_that_means(tmp_path):
    with serving(
        tmp_path,
        host="0.0.0.0",
        insecure_behind_proxy=True,
        public_urls=("https://gateway.example.org/",),
    ) as gateway:
        assert any("plain HTTP" in line for line in gateway.said)


def test_a_login_is_for_the_address_that_was_dialled(tmp_path):
    with serving(
        tmp_path,
        host="0.0.0.0",
        insecure_behind_proxy=True,
        public_urls=("https://gateway.example.org",),
    ) as gateway:
        gateway.address = gateway.address.replace("0.0.0.0", "127.0.0.1")
        with pytest.raises(TrustError, match="not known under the address"):
            gateway.join("alice")


def test_own_addresses_are_the_public_ones_and_on_loopback_its_names(tmp_path):
    settings = GatewaySettings(state=tmp_path, public_urls=("HTTPS://Example.org:443/gw/",))

    assert {
        "https://example.org/gw",
        "http://127.0.0.1:8400",
        "http://localhost:8400",
        "http://[::1]:8400",
    } == own_addresses(settings, 8400)


def test_a_port_that_is_taken_is_said(tmp_path):
    with serving(tmp_path / "a") as gateway:
        port = gateway.address.rpartition(":")[2]
        result = CliRunner().invoke(
            command, ["serve", "--state", str(tmp_path / "b"), "--port", port]
        )

    assert isinstance(result.exception, StateError)
    assert f"cannot listen on 127.0.0.1:{port}" in result.exception.message


def test_a_folder_says_that_it_is_the_fallback(tmp_path):
    with serving(tmp_path) as gateway:
        assert any("fallback" in line for line in gateway.said)


def test_blobs_in_s3_leave_no_blob_in_the_folder(tmp_path, s3_server):  # noqa: F811
    place = S3Place(
        endpoint=s3_server.endpoint,
        bucket="settings",
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
    )
    assert s3_server.secret_key not in repr(place)
    with serving(tmp_path, s3=place) as gateway, gateway.join("alice") as alice:
        alice.put_blob(b"ciphertext", [])

        assert not (tmp_path / "blobs").exists()
        assert s3_server.store("settings").keys("blobs/alice/")
        assert any("s3://settings at http://127.0.0.1" in line for line in gateway.said)


def test_a_gateway_whose_keys_s3_refuses_does_not_start(tmp_path, s3_server):  # noqa: F811
    place = S3Place(
        endpoint=s3_server.endpoint, bucket="settings", access_key="nobody00", secret_key="x" * 9
    )
    with pytest.raises(TrustError, match="refused our keys"), serving(tmp_path, s3=place):
        pass


@pytest.mark.parametrize("blobs", ["s3:/bucket", "s3://", "s3://a/b", "/folder", "", "S3://x"])
def test_blobs_lie_in_a_folder_or_a_bucket(blobs):
    with pytest.raises(SpecError, match="blobs cannot lie in"):
        s3_place(blobs)


def test_s3_takes_endpoint_and_keys_from_the_environment(monkeypatch):
    with pytest.raises(SpecError, match="DARKROOM_S3_ACCESS_KEY"):
        s3_place("s3://bucket")
    monkeypatch.setenv("DARKROOM_S3_ACCESS_KEY", "access")
    monkeypatch.setenv("DARKROOM_S3_SECRET_KEY", "secret")
    monkeypatch.setenv("DARKROOM_S3_ENDPOINT", "http://127.0.0.1:9000")

    assert S3Place(
        endpoint="http://127.0.0.1:9000",
        bucket="bucket",
        access_key="access",
        secret_key="secret",
    ) == s3_place("s3://bucket/")


@pytest.mark.parametrize(
    "changes", [{"burst": 0}, {"token_seconds": -1}, {"body_bytes_in_flight": 1 << 20}]
)
def test_limits_that_would_stop_the_gateway_are_refused(changes):
    with pytest.raises(SpecError):
        GatewayLimits(**changes)


def test_the_command_frees_a_name(tmp_path):
    with serving(tmp_path) as gateway:
        gateway.join("alice").close()
    run = CliRunner().invoke

    first = run(command, ["forget", "--state", str(tmp_path), "alice"])
    second = run(command, ["forget", "--state", str(tmp_path), "alice"])

    assert "alice is free again" in first.output
    assert "nobody was registered here as alice" in second.output
