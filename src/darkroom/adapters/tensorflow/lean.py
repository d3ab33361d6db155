"""Import TensorFlow as the lock of its runtime has it.

Keras imports these where they are installed, for wrappers and plots that nobody here uses:
a third of the CPU that the import costs. In the locked runtime they are not there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


NOT_LOCKED = ("matplotlib", "pandas", "scipy", "sklearn")


@contextmanager
def locked_only() -> Iterator[None]:
    """Imports inside do not find what the lock does not have, unless it was there before."""
    absent = [name for name in NOT_LOCKED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: not to be found
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with locked_only():
    import tensorflow as tf


__all__ = ["tf"]
