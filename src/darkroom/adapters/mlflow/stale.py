"""Runs and models that came from footage that was forgotten: tagged where they are.

By whomever a model was registered: a version is known by the digest of the file it was made of.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PAGE = 100


def mark_runs(
    client: "MlflowClient", tag: str, keys: Collection[str], tags: Mapping[str, str]
) -> None:
    """Tag every run that has one of these keys in `tag`, in whatever experiment it is."""
    places = _experiments(client)
    for key in keys:
        for first in range(0, len(places), PAGE):
            some = places[first : first + PAGE]
            for run in client.search_runs(some, filter_string=f"tags.`{tag}` = '{key}'"):
                for name, value in tags.items():
                    client.set_tag(run.info.run_id, name, value)


def mark_models(client: "MlflowClient", digests: Collection[str], tags: Mapping[str, str]) -> None:
    """Tag the logged models, and the versions of registered ones, that were made of a file."""
    places = _experiments(client)
    for digest in digests:
        wanted = f"tags.digest = '{digest}'"
        for first in range(0, len(places), PAGE):
            some = places[first : first + PAGE]
            for model in client.search_logged_models(some, filter_string=wanted):
                client.set_logged_model_tags(model.model_id, dict(tags))
        for version in _pages(partial(client.search_model_versions, wanted)):
            for name, value in tags.items():
                client.set_model_version_tag(version.name, version.version, name, value)


def _experiments(client: "MlflowClient") -> list[str]:
    found = _pages(client.search_experiments)
    return [str(experiment.experiment_id) for experiment in found]


def _pages(ask: Callable[..., Any]) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = ask(page_token=token)
        yield from page
        token = page.token or None
        if token is None:
            return
