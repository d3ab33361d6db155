"""A kubeconfig as k3s and MicroK8s write it; what we do not have is refused with the cure."""

import base64

import pytest
import yaml

from darkroom.adapters.batch.kubeconfig import read_access
from darkroom.bootstrap.batch_cluster import person_access
from darkroom.errors import SpecError
from tests.kubernetes.certificates import write_certificate


def a_config(folder, **user):
    certificate, key = write_certificate(folder)
    encode = lambda path: base64.b64encode(path.read_bytes()).decode()  # noqa: E731
    login = {"client-certificate-data": encode(certificate), "client-key-data": encode(key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": "default",
        "clusters": [
            {
                "name": "default",
                "cluster": {
                    "server": "https://127.0.0.1:6443",
                    "certificate-authority-data": encode(certificate),
                },
            }
        ],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        "users": [{"name": "default", "user": user or login}],
    }


def test_a_client_certificate_or_a_token_opens_it(tmp_path, monkeypatch):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(a_config(tmp_path)))
    monkeypatch.setenv("KUBECONFIG", f"{path}:/elsewhere")
    by_certificate = person_access()
    by_token = read_access(a_config(tmp_path, token="t"), tmp_path)

    assert by_certificate.context().get_ca_certs()
    assert by_certificate.server == "https://127.0.0.1:6443"
    assert by_token.token == "t"
    assert "token" not in repr(by_token)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"current-context": "other"}, "no context"),
        ({"current-context": ""}, "current-context"),
        ({"users": []}, "no user"),
        ({"users": [{"name": "default", "user": {"exec": {"command": "aws"}}}]}, "exec"),
        ({"users": [{"name": "default", "user": {}}]}, "without token"),
        ({"users": [{"name": "default", "user": {"client-key-data": "%"}}]}, "base64"),
        (
            {"clusters": [{"name": "default", "cluster": {"server": "https://x",
                                                          "insecure-skip-tls-verify": True}}]},
            "insecure",
        ),
        (
            {"clusters": [{"name": "default", "cluster": {"server": "http://x"}}],
             "users": [{"name": "default", "user": {"token": "t"}}]},
            "https",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(tmp_path, change, said):
    with pytest.raises(SpecError, match=said):
        read_access(a_config(tmp_path) | change, tmp_path)


def test_no_kubeconfig_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    with pytest.raises(SpecError, match="cannot be read"):
        person_access()
