"""How laws are tested.

A busy machine is no bug: `timeout` in pyproject.toml ends what hangs.
"""

from hypothesis import Phase, settings


settings.register_profile("darkroom", deadline=None)
settings.load_profile("darkroom")
# `make mutation` and `make coverage` ask for this one: the same examples each time, and a
# failure is enough.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
