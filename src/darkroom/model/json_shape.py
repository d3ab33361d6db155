"""What a value of untrusted JSON is. `True` is no number here, and NaN is none either."""

import math


def is_whole(value: object, least: int = 0) -> bool:
    """A whole number, not below `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def are_texts(values: object) -> bool:
    """A list or tuple of texts."""
    return isinstance(values, list | tuple) and all(isinstance(v, str) for v in values)
