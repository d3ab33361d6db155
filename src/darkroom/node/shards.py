"""Cut a job by camera into shards of about equal numbers of frames. Pure."""

from collections.abc import Sequence

from darkroom.model.dataset import Camera


def cut(cameras: Sequence[Camera], workers: int) -> list[list[str]]:
    """Camera ids per shard: at most `workers` shards, none empty, every camera once.

    The largest camera goes to the least loaded shard, so that the longest shard has at
    most 4/3 of the frames of the best cut (R. L. Graham, 1969).
    """
    shards: list[list[str]] = [[] for _ in range(min(max(workers, 1), len(cameras)))]
    loads = [0] * len(shards)
    for camera in sorted(cameras, key=lambda c: (-c.frames, c.id)):
        lightest = loads.index(min(loads))
        shards[lightest].append(camera.id)
        loads[lightest] += camera.frames
    return [sorted(shard) for shard in shards]
