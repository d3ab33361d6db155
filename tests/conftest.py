"""How laws are tested. A busy machine is no bug: `timeout` in pyproject.toml ends what hangs."""

from hypothesis import Phase, settings


settings.register_profile("darkroom", deadline=None)
settings.load_profile("darkroom")
# `make mutation` asks for this one: the same examples each time, and a failure is enough.
settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
