"""A Hub user's account in MLflow, and their share in the projects that they are a member of."""

import secrets
from typing import Any

from mlflow.entities import ExperimentTag
from mlflow.exceptions import MlflowException
from mlflow.server import auth
from mlflow.server.handlers import _get_tracking_store

from darkroom.adapters.mlflow_login.hub import Person


EXPERIMENT, MEMBER = "experiment", "EDIT"


def admit(person: Person) -> bool:
    """Make the account if it is new and bring its memberships up to date.

    An account that may do everything is never entered through the Hub: False.
    """
    _make_account(person.name)
    if person.name == auth.auth_config.admin_username or auth.store.get_user(person.name).is_admin:
        return False
    held = {p.experiment_id: p.permission for p in _held(person.name)}
    shared = {_experiment(project) for project in person.projects}
    for experiment in shared - held.keys():
        auth.store.grant_user_permission(person.name, EXPERIMENT, experiment, MEMBER)
    for experiment, permission in held.items():
        # What somebody made they manage; what is left was a membership.
        if permission == MEMBER and experiment not in shared:
            auth.store.revoke_user_resource_permission(person.name, EXPERIMENT, experiment)
    return True


def operator_holds(name: str, password: str) -> bool:
    """Whether these are the operator's name and password; no other password opens MLflow."""
    known = auth.auth_config.admin_username or ""
    return bool(
        secrets.compare_digest(name.encode(), known.encode())
        and auth.store.authenticate_user(name, password)
    )


def _make_account(name: str) -> None:
    if auth.store.has_user(name):
        return
    try:
        auth.store.create_user(name, secrets.token_urlsafe(32))  # a password that nobody knows
    except MlflowException:
        if not auth.store.has_user(name):  # another request was faster
            raise


def _held(name: str) -> list[auth.entities.ExperimentPermission]:
    return list(auth.store.list_experiment_permissions(name))


def _experiment(project: str) -> str:
    """The experiment of a shared project. Nobody but the server can make one of that name."""
    store: Any = _get_tracking_store()
    found = store.get_experiment_by_name(project)
    if found is None:
        try:
            kind = ExperimentTag("mlflow.experimentKind", "custom_model_development")
            return str(store.create_experiment(project, "", [kind]))
        except MlflowException:
            found = store.get_experiment_by_name(project)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        store.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
