"""PySyft's own client against Darkroom's domains; only the login line is ours.

    import darkroom as dr
    client = dr.pysyft.login_ds()          # a scientist's
    client = dr.pysyft.login_do(state=…)   # a data owner's

What comes back is an unmodified `SyftRDSClient` of syft-rds. PySyft is imported when one of
these names is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from darkroom.bootstrap.pysyft_owner import login_do
    from darkroom.bootstrap.pysyft_scientist import archived, login_ds, session_of, wait

__all__ = ["archived", "login_do", "login_ds", "session_of", "wait"]

_OWNERS = {"login_do"}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # any public object
    """Load a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'darkroom.pysyft' has no attribute {name!r}")
    role = "owner" if name in _OWNERS else "scientist"
    value = getattr(importlib.import_module(f"darkroom.bootstrap.pysyft_{role}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion in notebooks."""
    return __all__
