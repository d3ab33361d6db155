"""Answers: JSON, the gateway's time on each of them, and one status per error class.

An error travels as `{"code", "message", "next_step"}`; the client makes the class of that
code out of it again. No answer quotes what was sent.
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from darkroom import errors


TIME_HEADER = "x-darkroom-time"

# The whole tree, so that a new class without a status fails a test.
STATUS: dict[type[errors.DarkroomError], int] = {
    errors.DarkroomError: 500,
    errors.InputError: 400,
    errors.UnknownNameError: 404,
    errors.NameTakenError: 409,
    errors.SpecError: 422,
    errors.OutputError: 422,
    errors.QuotaError: 429,
    errors.TooLargeError: 413,
    errors.DeniedError: 403,
    errors.JobFailedError: 500,
    errors.DataError: 422,
    errors.NoAnnotationsError: 422,
    errors.ModelRefusedError: 422,
    errors.TrustError: 403,
    errors.EnvelopeError: 403,
    errors.ForkError: 409,
    errors.IsolationError: 500,
    errors.WorkerLostError: 500,
    errors.UnreachableError: 503,
    errors.StateError: 507,
}


class LoginNeededError(errors.TrustError):
    """No token, or one that ended: the only 401; the client logs in and asks again."""

    def __init__(self) -> None:
        super().__init__("this session has ended or never began", next_step="log in to the gateway")


class TooFastError(errors.QuotaError):
    """A rate was exceeded; `retry_after` seconds from now there is room again."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "too many requests in a short time",
            next_step=f"wait {retry_after:.1f} s, then go on",
        )
        self.retry_after = retry_after


def status_of(error: errors.DarkroomError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, LoginNeededError):
        return 401
    return next(STATUS[c] for c in type(error).__mro__ if c in STATUS)


def answer(body: Mapping[str, Any], *, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(
        json.dumps(body, separators=(",", ":")).encode(),
        status_code=status,
        media_type="application/json",
    )


def error_answer(error: errors.DarkroomError) -> Response:
    """An error as JSON."""
    response = answer(
        {"code": error.code, "message": error.message, "next_step": error.next_step},
        status=status_of(error),
    )
    if isinstance(error, TooFastError):
        response.headers["retry-after"] = f"{error.retry_after:.1f}"
    return response
