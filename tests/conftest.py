"""How laws are tested: `timeout` in pyproject.toml ends what hangs, a busy machine is no bug."""

from hypothesis import settings


# `--hypothesis-profile=ci` comes later and wins: the same examples in every run.
settings.register_profile("darkroom", deadline=None)
settings.load_profile("darkroom")
