"""The public card of a dataset version: coarse facts and the owner's own words.

Nothing on it was measured on pixels: sizes, rates and counts come from the manifest, the
description and the look from the owner's `domain.yaml`.
"""

from typing import Any

from darkroom.model.dataset import DatasetCard, Manifest


HOUR = 3600


def card_of(
    manifest: Manifest, *, domain: str, description: str, look: dict[str, Any]
) -> DatasetCard:
    """The card of a manifest.

    Args:
        manifest: The private face's.
        domain: Whose dataset it is.
        description: The owner's words.
        look: The owner's coarse hints for the mock.
    """
    counts = {"train": 0, "test": 0}
    for segment in manifest.segments:
        counts[segment.split] += segment.frames
    start = min(segment.start for segment in manifest.segments)
    return DatasetCard(
        domain=domain,
        name=manifest.dataset,
        version=manifest.version,
        description=description,
        cameras=manifest.cameras,
        classes=manifest.classes,
        annotations=manifest.annotations,
        split_frames=counts,
        start=int(start // HOUR) * HOUR,
        look=dict(look),
    )
