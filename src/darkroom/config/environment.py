"""The environment of the process: its only reader."""

import base64
import os
from pathlib import Path

from darkroom.errors import SpecError


REPOSITORY = Path(__file__).resolve().parents[3]


def scientist_home() -> Path:
    """Where a scientist's keys, pins and results lie (`DARKROOM_HOME`)."""
    return Path(os.environ.get("DARKROOM_HOME", "~/.darkroom")).expanduser()


def on_hub() -> bool:
    """Whether this runs in the server of a Hub's user: keys that are made here lie there."""
    return bool(os.environ.get("JUPYTERHUB_USER"))


def scientist_keys() -> Path:
    """The key file of `scientist_home` (`DARKROOM_KEYS`): in it, unless keys are kept apart."""
    return Path(os.environ.get("DARKROOM_KEYS") or scientist_home() / "keys.json").expanduser()


def kubeconfig() -> Path:
    """How the person reaches their cluster (`KUBECONFIG`): the first file, as kubectl writes."""
    first = os.environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
    return Path(first or "~/.kube/config").expanduser()


def run_log_secrets() -> tuple[str, ...]:
    """What opens MLflow, where it is set: no output may hold it."""
    names = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "JUPYTERHUB_API_TOKEN")
    return tuple(value for name in names if (value := os.environ.get(name, "")))


def run_log_login() -> dict[str, str]:
    """The header that logs in at MLflow: a token, or name and password; {} for neither."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN") or os.environ.get("JUPYTERHUB_API_TOKEN")
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    user, password = (os.environ.get(name, "") for name in names)
    if user and password:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def tracking_uri() -> str:
    """MLflow's address (`MLFLOW_TRACKING_URI`), or "" when runs are not logged."""
    return os.environ.get("MLFLOW_TRACKING_URI", "")


def notebook_environment(home: Path | None) -> dict[str, str]:
    """The environment for a notebook that runs headlessly: ours, with that home."""
    return {**os.environ, "DARKROOM_HOME": str(home or scientist_home())}


def real_material() -> Path | None:
    """The folder with real footage for verification (`DARKROOM_REAL`), if it is there."""
    folder = Path(os.environ.get("DARKROOM_REAL", REPOSITORY.parent / "shared" / "real"))
    return folder if folder.is_dir() else None


def s3_keys() -> tuple[str, str]:
    """Access key and secret of the object store, from `DARKROOM_S3_ACCESS_KEY` and
    `DARKROOM_S3_SECRET_KEY`.

    Raises:
        SpecError: when one of them is missing; there are no default keys.
    """
    names = ("DARKROOM_S3_ACCESS_KEY", "DARKROOM_S3_SECRET_KEY")
    values = tuple(os.environ.get(name, "") for name in names)
    if not all(values):
        raise SpecError(
            f"the object store needs {' and '.join(names)}",
            next_step="set both, or use a folder instead of s3://",
        )
    return values  # type: ignore[return-value]  # two names, two values


def s3_endpoint() -> str:
    """Address of the object store (`DARKROOM_S3_ENDPOINT`), for instance
    `http://127.0.0.1:9000`.

    Raises:
        SpecError: when it is not set.
    """
    endpoint = os.environ.get("DARKROOM_S3_ENDPOINT", "")
    if not endpoint:
        raise SpecError(
            "an s3:// address needs DARKROOM_S3_ENDPOINT",
            next_step="set it, or use a folder instead of s3://",
        )
    return endpoint
