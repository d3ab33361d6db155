"""The S3 server of the conformance suites."""

from tests.conformance.s3_server import s3_server  # noqa: F401 - a fixture
