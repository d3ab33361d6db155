"""Where results are written for people, as a contract. The scientist's side alone has one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What the run log keeps about one result.

    Attributes:
        key: unique; writing the same key again changes nothing.
        name: readable, for instance `count people · north`.
        tags: strings; `privacy` is never blank.
        inputs: dataset name -> (version digest, context such as `north/private`).
        metrics: name -> values in step order.
        files: artifact path -> bytes (plots as PNG, tables as JSON, models).
        children: one per domain.
        succeeded: whether what it tells of went through; shown as failed otherwise.
    """

    key: str
    name: str
    description: str
    experiment: str
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    metrics: dict[str, tuple[float, ...]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    model: dict[str, Any] | None = None
    children: tuple["RunRecord", ...] = ()
    succeeded: bool = True


class RunLog(Protocol):
    """MLflow, or what stands for it. Written by the scientist's side only."""

    def write(self, record: RunRecord) -> str:
        """Write a record with its children; the address of the parent run for people.

        Raises:
            UnreachableError: not answered; the caller keeps the record and retries.
        """
        ...

    def registered(self, key: str, name: str) -> str:
        """The version of a registered model that a record became; "" where there is none.

        Raises:
            UnreachableError: not answered; ask again.
        """
        ...

    def mark_stale(
        self, keys: Collection[str], *, models: Collection[str], tags: Mapping[str, str]
    ) -> None:
        """Tag what came from footage that was forgotten. Again changes nothing.

        Args:
            keys: of the records; those that are not there are left out.
            models: `sha256:…` of released models: every logged model, and every version of a
                registered one, is tagged that was made of one of them.
            tags: `stale` and why.

        Raises:
            UnreachableError: not answered; the caller tells it again.
        """
        ...
