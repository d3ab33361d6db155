"""The only reader of the environment and of `domains/*`.

Everything else takes these values as arguments.
"""

from darkroom.config.domains import domain_config, policy_proposal, sound_policy
from darkroom.config.environment import (
    REPOSITORY,
    notebook_environment,
    real_material,
    s3_endpoint,
    s3_keys,
    scientist_home,
    tracking_uri,
)
from darkroom.config.yaml_file import YamlFile, open_yaml, parse_yaml, read_yaml


__all__ = [
    "REPOSITORY",
    "YamlFile",
    "domain_config",
    "notebook_environment",
    "open_yaml",
    "parse_yaml",
    "policy_proposal",
    "read_yaml",
    "real_material",
    "s3_endpoint",
    "s3_keys",
    "scientist_home",
    "sound_policy",
    "tracking_uri",
]
