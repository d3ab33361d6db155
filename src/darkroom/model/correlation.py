"""One short word that follows a job through every log, and tells nothing about it. Pure."""

import hashlib


LENGTH = 16  # hex digits


def correlation_of(job_id: str) -> str:
    """The word for a job; "" for no job.

    Whoever knows the job's id (scientist, node, owner) can make it; from it nobody gets back
    to the id, which is 128 random bits.
    """
    if not job_id:
        return ""
    return hashlib.sha256(b"darkroom correlation\0" + job_id.encode()).hexdigest()[:LENGTH]
