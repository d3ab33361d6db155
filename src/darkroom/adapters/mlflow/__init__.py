"""MLflow: the run log of the scientist's side."""

from darkroom.adapters.mlflow.run_log import MlflowRunLog as MlflowRunLog
