"""MLflow as the `RunLog`. Written by the scientist's side only; a node never imports it.

A run carries its record's key in the tag `darkroom.key`, and `darkroom.complete` once all of
it is written: a record that was cut off is finished in the same run, never doubled. MLflow
is imported when the first record is written, since that takes seconds.
"""

import json
import logging
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from darkroom.adapters.mlflow import stale
from darkroom.adapters.mlflow.tflite import save
from darkroom.errors import DarkroomError, StateError, UnreachableError
from darkroom.run_log import RunRecord


if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run
    from mlflow.tracking import MlflowClient


KEY = "darkroom.key"
COMPLETE = "darkroom.complete"
KIND = "mlflow.experimentKind"  # so that the web page opens with training runs
TRAINING = "workflowType=machine_learning"  # else the web page shows what is for chats
CURRENT_USER = "/api/2.0/mlflow/users/current"
ANSWER_SECONDS = 5.0
REQUEST_SECONDS = 60
DIGEST_LENGTH = 36  # MLflow's limit for the digest of a dataset
BATCH_METRICS = 1000
BATCH_TAGS = 100
NOISY = ("mlflow", "alembic", "urllib3.connectionpool")


class MlflowRunLog:
    """The `RunLog` port on a tracking server or a local store."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._client: MlflowClient | None = None

    def write(self, record: RunRecord) -> str:
        """Write a record with its children; the address of the parent run for people.

        Raises:
            UnreachableError: the server does not answer; keep the record and try again.
            StateError: it answers and refuses; the record is worth keeping as well.
        """
        self._require_answer()
        with _quiet(), _foreign(self._uri):
            experiment = self._experiment(record.experiment)
            parent = self._write(record, experiment, parent="")
            return self._address(experiment, parent)

    def registered(self, key: str, name: str) -> str:
        """The version of a registered model that a record became; "" where there is none.

        Raises:
            UnreachableError: the server does not answer; ask again.
            StateError: it answers and refuses.
        """
        self._require_answer()
        with _quiet(), _foreign(self._uri):
            versions = self._connect().search_model_versions(f"name = '{name}'")
            return next((str(v.version) for v in versions if v.tags.get(KEY) == key), "")

    def mark_stale(
        self, keys: Collection[str], *, models: Collection[str], tags: Mapping[str, str]
    ) -> None:
        """Tag what came from footage that was forgotten. Again changes nothing.

        Raises:
            UnreachableError: the server does not answer; tell it again.
            StateError: it answers and refuses.
        """
        self._require_answer()
        with _quiet(), _foreign(self._uri):
            client = self._connect()
            stale.mark_runs(client, KEY, keys, tags)
            stale.mark_models(client, models, tags)

    def describe(self) -> str:
        """One line for people: where it is."""
        return f"MLflow at {_without_password(self._uri)}"

    def _require_answer(self) -> None:
        """Ask first: MLflow's own client would try for minutes."""
        if not self._uri.startswith(("http://", "https://")):
            return
        try:
            httpx.get(f"{self._uri}/health", timeout=ANSWER_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            raise _silent(self._uri) from error

    def _connect(self) -> "MlflowClient":
        if self._client is None:
            from mlflow import environment_variables as settings
            from mlflow.tracking import MlflowClient

            for setting, value in {
                settings.MLFLOW_HTTP_REQUEST_TIMEOUT: REQUEST_SECONDS,
                settings.MLFLOW_HTTP_REQUEST_MAX_RETRIES: 1,
                settings.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: False,
                settings.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: True,
            }.items():
                setting.set(value)  # type: ignore[no-untyped-call]  # MLflow's own
            self._client = MlflowClient(tracking_uri=self._uri)
        return self._client

    def _experiment(self, project: str) -> str:
        """The project's experiment; behind a login one's own, `alice/project`, unless shared."""
        from mlflow.exceptions import MlflowException

        client = self._connect()
        name, found = project, self._named(project)
        if found is None and (account := self._account()):
            name = f"{account}/{project}"
            found = self._named(name)
        if found is None:
            try:
                return str(client.create_experiment(name, tags={KIND: "custom_model_development"}))
            except MlflowException:  # somebody else was faster
                found = self._named(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _named(self, name: str) -> "Experiment | None":
        """The experiment of that name, if there is one for us."""
        from mlflow.exceptions import MlflowException

        try:
            return self._connect().get_experiment_by_name(name)
        except MlflowException as error:
            if error.error_code == "PERMISSION_DENIED":
                return None
            raise

    def _account(self) -> str:
        """Who we are there, or "" on a server without accounts and in a local store."""
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        if not self._uri.startswith(("http://", "https://")):
            return ""
        creds = get_default_host_creds(self._uri)  # type: ignore[no-untyped-call]
        answer = http_request(creds, CURRENT_USER, "GET", max_retries=1)  # type: ignore[no-untyped-call]
        return str(answer.json()["user"]["username"]) if answer.ok else ""

    def _write(self, record: RunRecord, experiment: str, *, parent: str) -> str:
        client = self._connect()
        run = self._find(record.key, experiment)
        if run is not None and run.data.tags.get(COMPLETE) == "true":
            return str(run.info.run_id)
        if run is None:
            run = client.create_run(experiment, run_name=record.name, tags=_tags(record, parent))
        run_id = run.info.run_id
        self._log_numbers(run_id, record, since=run.info.start_time)
        self._log_inputs(run_id, record)
        self._log_files(run_id, record)
        if record.model is not None:
            self._log_model(run_id, experiment, record)
        for child in record.children:
            self._write(child, experiment, parent=run_id)
        client.set_tag(run_id, COMPLETE, "true")
        client.set_terminated(run_id, "FINISHED" if record.succeeded else "FAILED")
        return str(run_id)

    def _find(self, key: str, experiment: str) -> "Run | None":
        runs = self._connect().search_runs(
            [experiment], filter_string=f"tags.`{KEY}` = '{key}'", max_results=1
        )
        return runs[0] if runs else None

    def _log_numbers(self, run_id: str, record: RunRecord, *, since: int) -> None:
        from mlflow.entities import Metric, Param

        # A fixed time: written twice, a number is the same number.
        metrics = [
            Metric(name, value, since, step)
            for name, values in record.metrics.items()
            for step, value in enumerate(values)
        ]
        params = [Param(name, value) for name, value in record.params.items()]
        client = self._connect()
        for first in range(0, max(len(metrics), 1), BATCH_METRICS):
            client.log_batch(run_id, metrics=metrics[first : first + BATCH_METRICS])
        for first in range(0, len(params), BATCH_TAGS):
            client.log_batch(run_id, params=params[first : first + BATCH_TAGS])

    def _log_inputs(self, run_id: str, record: RunRecord) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=name,
                    digest=version.removeprefix("sha256:")[:DIGEST_LENGTH],
                    source_type="darkroom",
                    source=json.dumps({"dataset": name, "version": version}),
                    profile=json.dumps({"version": version}),
                ),
                [InputTag("mlflow.data.context", context)],
            )
            for name, (version, context) in record.inputs.items()
        ]
        if inputs:
            self._connect().log_inputs(run_id, inputs)

    def _log_files(self, run_id: str, record: RunRecord) -> None:
        if not record.files:
            return
        client = self._connect()
        with tempfile.TemporaryDirectory(prefix="darkroom-record-") as folder:
            _write_tree(Path(folder), record.files)
            client.log_artifacts(run_id, folder)
        tables = [p for p in record.files if p.startswith("tables/")]
        if tables:  # this is what makes the web page show them as tables
            shown = json.dumps([{"path": p, "type": "table"} for p in tables])
            client.set_tag(run_id, "mlflow.loggedArtifacts", shown)

    def _log_model(self, run_id: str, experiment: str, record: RunRecord) -> None:
        """A logged model with a signature; no pickle: its code is a file, its weights too."""
        model = record.model
        assert model is not None
        client = self._connect()
        name = _model_name(record.name)
        tags = {KEY: record.key, "domain": model["domain"], "digest": model["digest"]}
        tags |= {"privacy": record.tags["privacy"], **model.get("tags", {})}
        if known := self._model_of(experiment, record.key):
            self._register(known, run_id, model.get("register", ""), tags)
            return
        logged = client.create_logged_model(
            experiment,
            name=name,
            source_run_id=run_id,
            tags=tags,
            model_type="detector",
        )
        with tempfile.TemporaryDirectory(prefix="darkroom-model-") as folder:
            place = Path(folder) / "model"
            save(place, model, run_id=run_id, model_id=logged.model_id)
            _write_tree(place, model.get("files", {}))
            client.log_model_artifacts(logged.model_id, str(place))
        client.finalize_logged_model(logged.model_id, "READY")
        from mlflow.entities import LoggedModelOutput

        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        self._register(logged.model_id, run_id, model.get("register", ""), tags)

    def _model_of(self, experiment: str, key: str) -> str:
        """The id of the logged model of a record that is complete, or ""."""
        found = self._connect().search_logged_models(
            [experiment], filter_string=f"tags.`{KEY}` = '{key}'"
        )
        return next((m.model_id for m in found if str(m.status).endswith("READY")), "")

    def _register(self, model_id: str, run_id: str, name: str, tags: dict[str, str]) -> None:
        """A version of a registered model, with the tags of the logged one; once."""
        if not name:
            return
        client = self._connect()
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        versions = client.search_model_versions(f"name = '{name}'")
        if not any(version.tags.get(KEY) == tags[KEY] for version in versions):
            where = client.get_logged_model(model_id).artifact_location
            client.create_model_version(name, where, run_id, tags=tags, model_id=model_id)

    def _address(self, experiment: str, run_id: str) -> str:
        if self._uri.startswith("http"):
            place = f"experiments/{experiment}/runs/{run_id}"
            return f"{_without_password(self._uri)}/#/{place}?{TRAINING}"
        return f"{self._uri} run {run_id}"


def _tags(record: RunRecord, parent: str) -> dict[str, str]:
    if not record.tags.get("privacy"):
        raise StateError(
            f"the record {record.name} does not say what privacy it has",
            next_step="set the tag privacy, for instance `none, released by <owner>`",
        )
    tags = {
        **record.tags,
        KEY: record.key,
        "mlflow.note.content": record.description,
        "mlflow.user": record.tags.get("submitter", ""),
        "mlflow.source.name": "darkroom",
        "mlflow.source.type": "NOTEBOOK",
    }
    return {**tags, "mlflow.parentRunId": parent} if parent else tags


def _write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = folder / path
        if not target.resolve().is_relative_to(folder.resolve()):
            raise StateError(
                "an artifact of a record lies outside its folder", next_step="rename it"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _model_name(name: str) -> str:
    """MLflow refuses `/ : . % " '` in the names of models."""
    return "".join(c if c.isalnum() or c in "-_ " else "-" for c in name)[:200]


@contextmanager
def _foreign(uri: str) -> Iterator[None]:
    """Turn what MLflow raises into our errors."""
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except DarkroomError:
        raise
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise _silent(uri) from error
    except MlflowException as error:
        words = str(error)
        if "Max retries" in words or "Connection" in words or "timed out" in words:
            raise _silent(uri) from error
        raise StateError(
            f"MLflow at {_without_password(uri)} refused a record ({error.error_code})",
            next_step="check your account and the experiment there; the record is kept",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow explains itself at length; what matters here is said by us."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _silent(uri: str) -> UnreachableError:
    return UnreachableError(
        f"MLflow at {_without_password(uri)} does not answer",
        next_step="nothing is lost: the record is kept and written when it is back",
    )


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]).geturl()
