"""The decorator that makes a function a job. Hop 1: draft, run on mock, two digests.

@darkroom.job(outputs={"counts": darkroom.Table(columns={"camera": "text"}, max_rows=9)})
def count(data, params):
    ...
    return {"counts": rows}
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

from darkroom.errors import InputError, SpecError
from darkroom.model.canonical import digest, digest_bytes
from darkroom.model.job import Environment, JobSpec, Limits, Split, Tier, require_parameters
from darkroom.model.output import Output
from darkroom.scientist.capture import Captured, capture
from darkroom.scientist.domain import RemoteDataset
from darkroom.scientist.mock_run import (
    MockResult,
    MockTask,
    explain_failure,
    require_parameter_names,
)
from darkroom.scientist.requests import require_dataset, require_datasets


if TYPE_CHECKING:
    from darkroom.scientist.cost import Cost
    from darkroom.scientist.submission import Submission


RESERVED = frozenset({"datasets", "dataset", "project", "on_mock", "self", "tier", "timeout"})
ParameterType = Literal["int", "float", "text", "bool"] | type
# Stand-ins where only the declarations matter: no code, no domain.
_OUTLINE = Captured(files={"job.py": b""}, entrypoint="job:job")
_PROBE = Environment(name="any", lock_hash="sha256:" + "0" * 64)
_TYPE_NAMES: dict[type, str] = {int: "int", float: "float", str: "text", bool: "bool"}


class JobFunction:
    """A function with everything that decides what it may do."""

    def __init__(
        self,
        function: FunctionType,
        *,
        outputs: Mapping[str, Output],
        files: Mapping[str, str | Path | bytes],
        environment: str,
        tier: Tier,
        split: Split,
        merge: FunctionType | None,
        parameters: Mapping[str, ParameterType],
        limits: Limits,
        name: str,
    ) -> None:
        self.function = function
        self.outputs = _outputs(outputs)
        self.files = dict(files)
        self.environment = environment
        self.tier: Tier = tier
        self.split = split
        self.merge = merge
        self.parameters = _schema(parameters)
        self.limits = limits
        self.name = name or function.__name__.lower().strip("_")
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self._mock_results: dict[str, MockResult] = {}
        require_parameter_names(set(self.parameters), RESERVED)
        _require_signature(function)
        # Declarations are checked here; helpers may still be defined in a later cell.
        self.spec(_OUTLINE, _PROBE)

    @property
    def __darkroom_function__(self) -> FunctionType:  # lets one job call another as a helper
        return self.function

    def __call__(self, data: Any, params: Any) -> Any:  # noqa: ANN401  # as the author wrote it
        """Call the function itself, in this process: for trying things out on mock."""
        return self.function(data, params)

    def __repr__(self) -> str:
        outputs = ", ".join(self.outputs)
        return f"darkroom job {self.name} -> {outputs} (environment {self.environment})"

    def capture(self) -> Captured:
        """The code tree as it would be sent now."""
        return capture(
            self.function, merge=self.merge, carried=self.files, environment=self.environment
        )

    def source(self) -> str:
        """`job.py` as a reviewer will read it."""
        return self.capture().files["job.py"].decode()

    def spec(
        self, captured: Captured, environment: Environment, tier: Tier | None = None
    ) -> JobSpec:
        """What the code is and may do, for a domain that offers this environment."""
        return JobSpec(
            name=self.name,
            tier=tier or self.tier,
            entrypoint=captured.entrypoint,
            merge=captured.merge,
            split=self.split,
            files={path: digest_bytes(data) for path, data in captured.files.items()},
            environment=environment,
            outputs=self.outputs,
            limits=self.limits,
            parameter_schema=self.parameters,
        )

    def run_on_mock(self, dataset: RemoteDataset, **parameters: Any) -> MockResult:  # noqa: ANN401
        """Run on the mock of a dataset, with the programs that a domain would use.

        Args:
            dataset: from `session.domains[…].datasets[…]`.
            **parameters: values of the declared parameters.

        Raises:
            JobFailedError: it failed; the message shows the line of your code.
            OutputError: an output is undeclared, too large or of the wrong type.
        """
        require_dataset(dataset)
        require_parameters(self.parameters, parameters)
        captured = self.capture()
        key = self._mock_key(captured, dataset, parameters)
        if key not in self._mock_results:
            outcome = dataset.session.run_mock(
                MockTask(
                    files=captured.files,
                    entrypoint=captured.entrypoint,
                    merge=captured.merge,
                    split=self.split,
                    parameters=parameters,
                    outputs=self.outputs,
                    limits=self.limits,
                    environment=self.environment,
                    face=dataset.mock_face(),
                    airlock=dataset.airlock,
                )
            )
            if outcome.status != "done":
                raise explain_failure(outcome, captured, dataset.address)
            self._mock_results[key] = MockResult(
                dataset=dataset.address,
                domain=dataset.domain,
                declared=self.outputs,
                outcome=outcome,
                renderer=dataset.session.renderer,
            )
        return self._mock_results[key]

    def cost(
        self,
        datasets: RemoteDataset | Iterable[RemoteDataset],
        *,
        project: str = "default",
        tier: Tier | None = None,
        on_mock: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
        **parameters: Any,  # noqa: ANN401
    ) -> "Cost":
        """What `submit` with the same arguments would cost, and what each domain would say.

        Args:
            datasets, project, tier, on_mock, **parameters: as for `submit`; nothing is run.
            timeout: seconds to wait for the domains.
        """
        del on_mock
        targets = require_datasets(datasets)
        return targets[0].session.cost(
            self, targets, project=project, tier=tier, timeout=timeout, **parameters
        )

    def submit(
        self,
        datasets: RemoteDataset | Iterable[RemoteDataset],
        *,
        project: str = "default",
        tier: Tier | None = None,
        on_mock: Mapping[str, Any] | None = None,
        **parameters: Any,  # noqa: ANN401
    ) -> "Submission":
        """Send the job to every domain that holds one of the datasets.

        It runs on each mock first; code that fails there is not sent.

        Args:
            datasets: one dataset or several, each at its domain.
            project: a label that budgets and run logs group by.
            tier: another one than the job declares: `"mock"` rehearses it at the domain.
            on_mock: other parameter values for the run on mock alone, for instance fewer
                steps of a training; the owner is told.
            **parameters: values of the declared parameters.

        Returns:
            The submission: `.wait()`, `.results`, `.cancel()`.

        Raises:
            InputError: no dataset, or a domain that cannot be asked.
            UnknownNameError: a domain does not offer the environment.
            JobFailedError: it failed on mock; nothing was sent.
        """
        targets = require_datasets(datasets)
        require_parameters(self.parameters, parameters)
        return targets[0].session.submit(
            self,
            targets,
            project=project,
            tier=tier,
            parameters=parameters,
            on_mock=on_mock or {},
        )

    def _mock_key(
        self, captured: Captured, dataset: RemoteDataset, parameters: dict[str, Any]
    ) -> str:
        return digest(
            {
                "code": self.spec(captured, _PROBE).code_digest,
                "dataset": [dataset.address, dataset.version],
                "airlock": dataset.airlock.to_mapping(),
                "parameters": parameters,
            }
        )


def job(
    function: FunctionType | None = None,
    /,
    *,
    outputs: Mapping[str, Output],
    files: Mapping[str, str | Path | bytes] | None = None,
    environment: str = "tflite",
    tier: Tier = "reviewed",
    split: Split = "",
    merge: Callable[..., Any] | None = None,
    parameters: Mapping[str, ParameterType] | None = None,
    limits: Limits | None = None,
    name: str = "",
) -> Any:  # noqa: ANN401  # a JobFunction, or the decorator that makes one
    """Make a function `def f(data, params)` a job.

    Args:
        function: only when it is called directly: `darkroom.job(f, outputs=…)`.
        outputs: what may leave, by name: `Table`, `Scalars`, `Histogram`, `Model`.
        files: name -> path (or bytes) of files that go along, for instance a model; in the
            job `darkroom.code_path("files/<name>")` gives the path.
        environment: the interpreter it runs in: `tflite` or `tensorflow`.
        tier: `reviewed` (people decide what runs and what leaves) or `mock` (the domain runs
            it on generated footage: a rehearsal that waits for nobody).
        split: `"camera"` when workers may share the job by cameras; `"minute"` when also by
            minutes of one camera, for code that looks at every picture by itself.
        merge: joins the workers' parts; without it tables are appended, numbers added.
        parameters: name -> type (`"int"`, `"float"`, `"text"`, `"bool"`).
        limits: what one worker may use.
        name: a readable name; the function's name by default.

    Raises:
        InputError: the function needs something that cannot go along; it is named.
        SpecError: an output or parameter is not declared well.
    """

    def make(target: FunctionType) -> JobFunction:
        if not isinstance(target, FunctionType):
            raise InputError(
                f"a job is a function, not a {type(target).__name__}",
                next_step="decorate a function `def count(data, params):`",
            )
        return JobFunction(
            target,
            outputs=outputs,
            files=files or {},
            environment=environment,
            tier=tier,
            split=split,
            merge=merge,  # type: ignore[arg-type]  # capture refuses what is no function
            parameters=parameters or {},
            limits=limits or Limits(),
            name=name,
        )

    return make if function is None else make(function)


job.__darkroom_decorator__ = True  # type: ignore[attr-defined]  # capture leaves it out of the source


def _outputs(outputs: Mapping[str, Output]) -> dict[str, Output]:
    for name, declared in outputs.items():
        if not isinstance(declared, Output):
            raise SpecError(
                f"output {name!r} is declared as {type(declared).__name__}",
                next_step="declare darkroom.Table, Scalars, Histogram or Model; images never leave",
            )
    return dict(outputs)


def _schema(parameters: Mapping[str, ParameterType]) -> dict[str, str]:
    return {
        name: _TYPE_NAMES.get(kind, str(kind)) if isinstance(kind, type) else kind
        for name, kind in parameters.items()
    }


def _require_signature(function: FunctionType) -> None:
    code = function.__code__
    required = code.co_argcount - len(function.__defaults__ or ())
    if not (required <= 2 <= code.co_argcount) or code.co_kwonlyargcount:  # noqa: PLR2004 - data and params
        raise InputError(
            f"{function.__name__} does not take (data, params)",
            next_step=f"write `def {function.__name__}(data, params):`",
        )
