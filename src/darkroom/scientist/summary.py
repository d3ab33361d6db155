"""A submission in plain JSON values: what a report, a script or another tool reads."""

from typing import Any

from darkroom.model.submitted import JobRow, ResultRow
from darkroom.scientist.results import Results


def summarise(
    jobs: dict[str, JobRow], results: Results, rows: dict[str, ResultRow]
) -> dict[str, dict[str, Any]]:
    """One entry for each domain: what was asked, how it ended, what left.

    Args:
        jobs: by label.
        results: the verified ones.
        rows: the stored results by label, for the time they came.
    """
    return {label: _one(label, job, results, rows) for label, job in jobs.items()}


def _one(label: str, job: JobRow, results: Results, rows: dict[str, ResultRow]) -> dict[str, Any]:
    request = job.request
    result = results.get(label)
    end = rows[label].received_at if label in rows else job.changed_at
    return {
        "dataset": request.dataset,
        "version": request.dataset_version,
        "frames": result.facts.get("frames") if result else None,
        "interpreter": result.facts.get("interpreter") if result else None,
        "bytes_out": result.bytes_out if result else 0,
        "jobs": [
            {
                "job_id": request.job_id,
                "name": request.spec.name,
                "code_digest": request.spec.code_digest,
                "job_digest": request.job_digest,
                "tier": request.spec.tier,
                "state": job.state,
                "reasons": list(job.reasons),
                "approved_by": result.approved_by if result else None,
                "released_by": result.released_by if result else None,
                "price": result.price.to_mapping() if result and result.price else None,
                "seconds": round(end - job.submitted_at, 3),
            }
        ],
    }
