"""The PySyft endpoint of a node: from a `pysyft.submit` letter to an ordinary job.

A node runs no PySyft engine. It reads the engine's messages as data, with the sender that
the sealed envelope around them proves, and makes of each one job that is admitted, reviewed,
charged, run and released like every other. There is no synced folder, no permission file,
no state file and no peer list that a message could change; why: docs/decisions/.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom.adapters.pysyft.address import address_of
from darkroom.adapters.pysyft.declaration import Declaration
from darkroom.adapters.pysyft.submitted_folder import (
    read_folder,
    require_dependencies,
    require_job_name,
)
from darkroom.adapters.pysyft.translation import MODELS, code_tree, translate
from darkroom.adapters.pysyft.wire import SUPPORTED, read_proposal
from darkroom.adapters.pysyft.wishes import read_wishes, require_kept
from darkroom.errors import DarkroomError, SpecError
from darkroom.model.canonical import canonical
from darkroom.model.draft import Draft
from darkroom.model.identity import PublicIdentity
from darkroom.model.letter import Letter


KIND = "pysyft.submit"
MESSAGE = "message"
MAX_DECLARATION = 128 << 10
MAX_MOCK = 128 << 10
_BODY = {"job_id", "job_name", "syft", "declaration", "mock"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A model that jobs may name by its hash.

    Attributes:
        read: its bytes; hashed again each time.
    """

    sha256: str
    size: int
    read: Callable[[], bytes] = field(compare=False)


class PysyftEndpoint:
    """Reads `pysyft.submit`; hostile to the last byte.

    Attributes:
        installed: distributions and versions of a prebuilt environment, by its name.
    """

    version = SUPPORTED

    def __init__(
        self,
        *,
        domain: str,
        pins: Callable[[str], PublicIdentity | None],
        parse_yaml: Callable[[str, str], dict[str, Any]],
        installed: Callable[[str], dict[str, str]],
        models: Mapping[str, RegisteredModel],
    ) -> None:
        """Put together by `darkroom.bootstrap.node`.

        Args:
            domain: our name.
            pins: the pinned identity of a name, or None.
            parse_yaml: strict, from (text, name).
            installed: distributions and versions of a prebuilt environment, by its name.
            models: file name -> a model that jobs may use.
        """
        self._domain = domain
        self._pins = pins
        self._parse_yaml = parse_yaml
        self.installed = installed
        self._models = dict(models)

    def profile(self) -> dict[str, Any]:
        """What the domain says of its endpoint."""
        return {
            "version": SUPPORTED,
            "models": {
                name: {"sha256": model.sha256, "size": model.size}
                for name, model in sorted(self._models.items())
            },
        }

    def read(self, letter: Letter) -> Draft:
        """A submission as far as it can be read. Writes nothing, runs nothing."""
        try:
            return self._read(letter)
        except DarkroomError as error:
            return Draft(request=None, against=(f"{error.message}; {error.next_step}",))
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError):
            return Draft(request=None, against=("the PySyft submission is not well formed",))

    def _read(self, letter: Letter) -> Draft:
        body = letter.body
        if body.keys() != _BODY or letter.attachments.keys() != {MESSAGE}:
            raise SpecError(
                "a PySyft submission is a declaration and one message",
                next_step="submit through darkroom.pysyft.login_ds",
            )
        if body["syft"] != SUPPORTED:
            raise SpecError(
                f"syft {ascii(body['syft'])[:20]} does not fit: this domain speaks {SUPPORTED}",
                next_step=f"install syft=={SUPPORTED}, or ask the operator to upgrade the domain",
            )
        mock = body["mock"]
        if not isinstance(mock, dict) or len(canonical(mock)) > MAX_MOCK:
            raise SpecError("the account of the mock run is too large", next_step="shorten it")
        if len(canonical(body["declaration"])) > MAX_DECLARATION:
            raise SpecError("the declaration is too large", next_step="declare less")
        sender = self._pins(letter.sender)
        if sender is None:  # the post opens nothing of a sender who is not pinned
            raise SpecError("the sender is not enrolled here", next_step="ask for an invitation")
        declaration = Declaration.from_mapping(body["declaration"])
        folder = read_folder(
            read_proposal(letter.attachments[MESSAGE]),
            sender=address_of(letter.sender),
            datasite=address_of(self._domain),
            parse_yaml=self._parse_yaml,
        )
        require_kept(read_wishes(folder.code), declaration)
        if require_job_name(body["job_name"]) != folder.job_name:
            raise SpecError("the letter names another job than its message", next_step="again")
        environment = declaration.environment.name
        offered = self.installed(environment)
        if not offered:
            raise SpecError(
                f"this domain offers no environment {environment}",
                next_step="use one of its profile",
            )
        require_dependencies(folder.dependencies, offered, environment)
        request = translate(
            folder,
            declaration,
            job_id=body["job_id"],
            submitter=letter.sender,
            submitter_fingerprint=sender.fingerprint,
            domain=self._domain,
        )
        canonical(request.to_mapping())  # what has no digest is refused here
        files = code_tree(folder, declaration, datasite=address_of(self._domain))
        files |= {f"{MODELS}/{n}": self._model(n, sha) for n, sha in declaration.models.items()}
        return Draft(request=request, files=files, mock=mock)

    def _model(self, name: str, sha256: str) -> bytes:
        known = self._models.get(name)
        if known is None or known.sha256 != sha256:
            raise SpecError(
                f"this domain has registered no model {name} with that hash",
                next_step="use one of its profile, or ask the operator to register it",
            )
        try:
            return known.read()
        except OSError:
            raise SpecError(
                f"the model {name} cannot be read here", next_step="tell the operator of the domain"
            ) from None
