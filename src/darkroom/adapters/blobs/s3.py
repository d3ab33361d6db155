"""Any S3 endpoint as a blob store, through the `minio` client."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error

from darkroom.errors import (
    DarkroomError,
    SpecError,
    StateError,
    TrustError,
    UnknownNameError,
    UnreachableError,
)


CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
MAX_OBJECT_BYTES = 1 << 30
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_MISSING = {"NoSuchKey", "NoSuchBucket", "NoSuchObject"}
_REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}


class S3BlobStore:
    """The `BlobStore` port on one bucket. Safe from several threads."""

    def __init__(self, *, endpoint: str, bucket: str, access_key: str, secret_key: str) -> None:
        """Connect, and create the bucket if it is missing.

        Args:
            endpoint: `http(s)://host[:port]`.
            bucket: name of the bucket; ours alone.
            access_key: names the key.
            secret_key: the key; never in an error.

        Raises:
            SpecError: the endpoint or the bucket's name is not well formed.
            TrustError: the endpoint refuses the keys.
            UnreachableError: the endpoint does not answer.
        """
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SpecError(
                "an S3 endpoint is http(s)://host[:port]",
                next_step="set DARKROOM_S3_ENDPOINT to such an address",
            )
        self._endpoint = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._bucket = bucket
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            # Reads, writes and deletes of whole objects can all be repeated.
            retries=urllib3.Retry(
                total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]
            ),
            maxsize=8,
        )
        with self._errors():
            try:
                self._client = Minio(
                    parts.netloc.rpartition("@")[2],
                    access_key=access_key,
                    secret_key=secret_key,
                    secure=parts.scheme == "https",
                    http_client=pool,
                )
                self._make_bucket()
            except ValueError as error:
                raise SpecError(
                    "the S3 endpoint or bucket has an impossible name",
                    next_step="a bucket has 3 to 63 of a-z, 0-9, '-'",
                ) from error

    def _make_bucket(self) -> None:
        try:
            if self._client.bucket_exists(self._bucket):
                return
        except (S3Error, InvalidResponseError) as error:
            if _code(error) not in _MISSING:
                raise
        try:
            self._client.make_bucket(self._bucket)
        except (S3Error, InvalidResponseError) as error:
            if _code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise  # otherwise a neighbour of ours was faster

    def put(self, key: str, data: bytes) -> None:
        """Store; the object is there whole when this returns."""
        with self._errors():
            self._client.put_object(self._bucket, key, io.BytesIO(data), len(data))

    def get(self, key: str) -> bytes:
        """Read."""
        with self._errors():
            response = self._client.get_object(self._bucket, key)
            try:
                length = int(response.headers.get("content-length", MAX_OBJECT_BYTES + 1))
                if length > MAX_OBJECT_BYTES:
                    raise StateError(
                        f"an object in {self.describe()} is larger than any of ours",
                        next_step="keep other programs out of that bucket",
                    )
                data = response.read()
            finally:
                response.close()
                response.release_conn()
        return bytes(data)

    def delete(self, key: str) -> None:
        """Remove; no error when it is not there."""
        with self._errors():
            try:
                self._client.remove_object(self._bucket, key)
            except (S3Error, InvalidResponseError) as error:
                if _code(error) not in _MISSING:
                    raise

    def keys(self, prefix: str) -> list[str]:
        """All keys with this prefix, sorted."""
        with self._errors():
            found = self._client.list_objects(self._bucket, prefix, recursive=True)
            return sorted(str(item.object_name) for item in found)

    def describe(self) -> str:
        """One line for people: which kind, where."""
        return f"s3://{self._bucket} at {self._endpoint}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        where = f"s3://{self._bucket} at {self._endpoint}"
        try:
            yield
        except DarkroomError:
            raise
        except (S3Error, InvalidResponseError) as error:
            raise _said(_code(error), where) from error
        except (urllib3.exceptions.HTTPError, MinioException, OSError) as error:
            raise UnreachableError(
                f"the object store {where} did not answer ({type(error).__name__})",
                next_step="check that it runs and that the address is right",
            ) from error


def _code(error: S3Error | InvalidResponseError) -> str:
    """S3's error code. The client takes `text/xml; charset=utf-8` for no XML, and then the
    code is only in the text.
    """
    if isinstance(error, S3Error):
        return str(error.code)
    found = _CODE.search(str(error))
    return found[1] if found else "no S3 answer"


def _said(code: str, where: str) -> DarkroomError:
    if code in _MISSING:
        return UnknownNameError(
            f"{where} has no such key",
            next_step="it may have expired; ask its sender to send it again",
        )
    if code in _REFUSED:
        return TrustError(
            f"{where} refused our keys ({code})",
            next_step="check DARKROOM_S3_ACCESS_KEY and DARKROOM_S3_SECRET_KEY, the"
            " rights of that key, and this machine's clock",
        )
    return UnreachableError(
        f"{where} could not do it ({code[:60]})",
        next_step="look into the object store's own log",
    )
