"""What is open to a Hub user in MLflow, beyond what MLflow itself checks.

MLflow decides whose experiments and models a request may touch. Here is what it leaves open to
everybody who is logged in: whole families of routes that the run log does not need (agents and
gateways that call out, jobs, webhooks, other users' names), and names and places that the sender
may choose. A route that is not listed is closed, so a new version of MLflow opens nothing.
"""

from typing import Any

from flask import Request
from mlflow.exceptions import MlflowException

from darkroom.adapters.mlflow_login.hub import Person


# MLflow's own names of its routes.
PAGES = frozenset({"serve", "version", "static", "serve_static_file"})
OPEN = PAGES | frozenset({
    # experiments
    "_create_experiment", "_delete_experiment", "_delete_experiment_tag", "_get_experiment",
    "_get_experiment_by_name", "_restore_experiment", "_search_experiments",
    "_set_experiment_tag", "_update_experiment", "serve_search_datasets",
    # runs
    "_create_run", "_delete_run", "_delete_tag", "_get_metric_history", "_get_run", "_log_batch",
    "_log_inputs", "_log_metric", "_log_model", "_log_outputs", "_log_param", "_restore_run",
    "_search_runs", "_set_tag", "_update_run", "get_metric_history_bulk_interval_handler",
    "serve_get_metric_history_bulk", "serve_get_metric_history_bulk_interval", "_graphql",
    # files
    "_delete_artifact_mlflow_artifacts", "_download_artifact", "_list_artifacts",
    "_list_artifacts_mlflow_artifacts", "_upload_artifact", "serve_artifacts",
    "serve_upload_artifact",
    # logged models
    "_create_logged_model", "_delete_logged_model", "_delete_logged_model_tag",
    "_finalize_logged_model", "_get_logged_model", "_list_logged_model_artifacts",
    "_log_logged_model_params", "_search_logged_models", "_set_logged_model_tags",
    "serve_get_logged_model_artifact",
    # the registry of models
    "_create_model_version", "_create_registered_model", "_delete_model_version",
    "_delete_model_version_tag", "_delete_registered_model", "_delete_registered_model_alias",
    "_delete_registered_model_tag", "_get_latest_versions", "_get_model_version",
    "_get_model_version_by_alias", "_get_model_version_download_uri", "_get_registered_model",
    "_rename_registered_model", "_search_model_versions", "_search_registered_models",
    "_set_model_version_tag", "_set_registered_model_alias", "_set_registered_model_tag",
    "_transition_stage", "_update_model_version", "_update_registered_model",
    "serve_model_version_artifact",
    # traces, to look at
    "_get_trace", "_get_trace_info_v3", "_search_traces_v3", "serve_get_trace_artifact",
    # oneself
    "_get_server_info", "get_current_user", "list_current_user_permissions",
})  # fmt: skip
LONGEST_NAME = 250
# All registered models share one name space, and MLflow allows no slash in it. No Hub name has
# this mark; a dot would let `ann` take names of `ann.b`.
MODEL_MARK = "~"
SOURCES = ("runs:/", "models:/", "mlflow-artifacts:/")


def refusal(request: Request, person: Person) -> str:
    """Why a Hub user may not do this, or "" where MLflow may go on and check."""
    if request.endpoint not in OPEN:
        return "this part of MLflow is closed"
    check = _CHECKS.get(request.endpoint)
    return check(request, person) if check else ""


def cross_site(request: Request, address: str) -> bool:
    """Whether a page of somebody else's made this browser send the request."""
    headers = request.headers
    origin = headers.get("Origin")
    if origin is None and request.method not in {"GET", "HEAD"}:
        return True  # every browser names its page when it changes something
    if origin not in {None, address}:
        return True
    # A link may lead here; what the page then loads comes from here.
    linked = headers.get("Sec-Fetch-Mode") == "navigate" and request.endpoint in PAGES
    return headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"} and not linked


def _new_experiment(request: Request, person: Person) -> str:
    from mlflow.protos.service_pb2 import CreateExperiment

    asked = _read(CreateExperiment(), request)
    if asked.artifact_location:
        # MLflow would read there with its own keys, for whoever asks.
        return "the server chooses where an experiment keeps its files"
    return _name(asked.name, person)


def _renamed_experiment(request: Request, person: Person) -> str:
    from mlflow.protos.service_pb2 import UpdateExperiment

    asked = _read(UpdateExperiment(), request)
    # A member may write in a shared experiment, and would otherwise carry it off.
    refused = _own_experiment(asked.experiment_id, person)
    return refused or (_name(asked.new_name, person) if asked.HasField("new_name") else "")


def _tagged_experiment(request: Request, person: Person) -> str:
    from mlflow.protos.service_pb2 import SetExperimentTag

    return _own_experiment(_read(SetExperimentTag(), request).experiment_id, person)


def _untagged_experiment(request: Request, person: Person) -> str:
    from mlflow.protos.service_pb2 import DeleteExperimentTag

    return _own_experiment(_read(DeleteExperimentTag(), request).experiment_id, person)


def _own_experiment(experiment: str, person: Person) -> str:
    """Why this experiment is not theirs to change; the same where there is none."""
    from mlflow.server.handlers import _get_tracking_store

    store: Any = _get_tracking_store()
    try:
        name = store.get_experiment(experiment).name
    except MlflowException:
        name = ""
    if name.startswith(f"{person.name}/"):
        return ""
    return f"only an experiment of yours, {person.name}/…, can be renamed or tagged"


def _name(name: str, person: Person) -> str:
    own = f"{person.name}/"
    return "" if _begins(name, own) else f"the name of an experiment of yours begins with {own}"


def _new_model(request: Request, person: Person) -> str:
    from mlflow.protos.model_registry_pb2 import CreateRegisteredModel

    return _model_name(_read(CreateRegisteredModel(), request).name, person)


def _renamed_model(request: Request, person: Person) -> str:
    from mlflow.protos.model_registry_pb2 import RenameRegisteredModel

    return _model_name(_read(RenameRegisteredModel(), request).new_name, person)


def _model_name(name: str, person: Person) -> str:
    own = f"{person.name}{MODEL_MARK}"
    return "" if _begins(name, own) else f"the name of a model of yours begins with {own}"


def _begins(name: str, own: str) -> bool:
    return name.startswith(own) and len(own) < len(name) <= LONGEST_NAME and name.isprintable()


def _new_version(request: Request, person: Person) -> str:  # noqa: ARG001  # one form for all
    from mlflow.protos.model_registry_pb2 import CreateModelVersion

    asked = _read(CreateModelVersion(), request)
    if asked.source.startswith(SOURCES):
        return ""
    return "a model comes from a run or a logged model: runs:/… or models:/…"


def _read(message: Any, request: Request) -> Any:  # noqa: ANN401  # generated classes
    """A request as MLflow's own handler will read it: two readers could disagree."""
    from mlflow.server.handlers import _get_request_message

    return _get_request_message(message, flask_request=request)  # type: ignore[no-untyped-call]


_CHECKS = {
    "_create_experiment": _new_experiment,
    "_update_experiment": _renamed_experiment,
    "_set_experiment_tag": _tagged_experiment,
    "_delete_experiment_tag": _untagged_experiment,
    "_create_registered_model": _new_model,
    "_rename_registered_model": _renamed_model,
    "_create_model_version": _new_version,
}
