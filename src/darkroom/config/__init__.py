"""The only reader of the environment and of `domains/*`.

Everything else takes these values as arguments.
"""

from darkroom.config.domains import domain_config, policy_proposal, sound_policy
from darkroom.config.environment import (
    REPOSITORY,
    kubeconfig,
    notebook_environment,
    on_hub,
    real_material,
    run_log_login,
    run_log_secrets,
    s3_endpoint,
    s3_keys,
    scientist_home,
    scientist_keys,
    tracking_uri,
)
from darkroom.config.yaml_file import YamlFile, open_yaml, parse_yaml, read_yaml


__all__ = [
    "REPOSITORY",
    "YamlFile",
    "domain_config",
    "kubeconfig",
    "notebook_environment",
    "on_hub",
    "open_yaml",
    "parse_yaml",
    "policy_proposal",
    "read_yaml",
    "real_material",
    "run_log_login",
    "run_log_secrets",
    "s3_endpoint",
    "s3_keys",
    "scientist_home",
    "scientist_keys",
    "sound_policy",
    "tracking_uri",
]
