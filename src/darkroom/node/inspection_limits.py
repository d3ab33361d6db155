"""What the inspection of a job's outputs may take: known before the job runs."""

from darkroom.model.job import Limits


def inspection_limits(job: Limits) -> Limits:
    """Generous for honest outputs of a job with these limits, and bounded."""
    return Limits(
        memory_mib=max(1024, min(job.memory_mib, 3072)),
        cpu_seconds=120,
        wall_seconds=120,
        processes=64,
        files=256,
        output_mib=2 * job.output_mib + 8,
    )
