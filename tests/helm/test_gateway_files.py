"""The two programs that the chart carries, run for real."""

import os
import re
import socket
import subprocess
import sys

import pytest

from tests.conformance.s3_server import running_versitygw
from tests.helm.gateway_chart import CHART


def run(name, **environment):
    return subprocess.run(
        [sys.executable, "-I", str(CHART / "files" / name)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environment},
    )


def make_bucket(server, *, bucket="mlflow", secret=None, endpoint=None):
    return run(
        "make_bucket.py",
        BUCKET=bucket,
        MLFLOW_S3_ENDPOINT_URL=endpoint or server.endpoint,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID=server.access_key,
        AWS_SECRET_ACCESS_KEY=secret or server.secret_key,
    )


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with running_versitygw(tmp_path_factory.mktemp("store"), "relay", "mlflow") as found:
        yield found


def test_the_bucket_is_made_and_a_second_start_finds_it(servers):
    for _ in range(2):
        done = make_bucket(servers["mlflow"])
        assert (0, "") == (done.returncode, done.stderr)

    assert servers["mlflow"].store("mlflow").keys("") == []


def test_a_refusal_names_the_secret_and_no_key(servers):
    servers["relay"].store("relay")

    for done in (
        make_bucket(servers["mlflow"], secret="wrong" * 8),
        make_bucket(servers["mlflow"], bucket="relay"),  # another account's
    ):
        assert 1 == done.returncode
        assert re.search(r"refused bucket (mlflow|relay) \((403|\w+)\)", done.stderr)
        assert "mlflow-store-key" in done.stderr
        assert "wrong" not in done.stderr


def test_a_store_that_is_not_there_is_named(servers):
    done = make_bucket(servers["mlflow"], endpoint="http://127.0.0.1:1")

    assert 1 == done.returncode
    assert "http://127.0.0.1:1 did not answer (EndpointConnectionError)" in done.stderr


def test_walls_that_are_not_there_are_told_with_the_cure(tmp_path):
    """Nothing here enforces NetworkPolicies, so a way that is open is found to be open."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        source = (CHART / "files" / "walls.py").read_text()
        assert '("kubernetes.default.svc", 443)' in source
        here = tmp_path / "walls.py"
        here.write_text(
            source.replace('("kubernetes.default.svc", 443)', f'("127.0.0.1", {port})').replace(
                '("169.254.169.254", 80)', '("127.0.0.1", 1)'
            )
        )
        done = subprocess.run(
            [sys.executable, "-I", str(here)], capture_output=True, text=True, timeout=60
        )

    assert 1 == done.returncode
    assert "closed: cloud metadata (ConnectionRefusedError)" in done.stdout
    assert "OPEN: a notebook reaches the Kubernetes API;" in done.stderr
    assert "Calico" in done.stderr
