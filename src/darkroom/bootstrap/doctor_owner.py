"""The data owner: keys, the pinned domain, what waits for a decision, and whether a copy exists."""

from collections.abc import Iterator
from pathlib import Path

from darkroom.adapters.clock import SystemClock
from darkroom.adapters.pysyft.keyring import SycKeyring
from darkroom.adapters.sqlite.owner_store import STORE, SqliteOwnerStore
from darkroom.bootstrap import doctor_machine as machine
from darkroom.bootstrap.doctor import Check, Finding, ok, warn
from darkroom.bootstrap.doctor_link import link
from darkroom.bootstrap.owner import KEYS, pinned_domain_identity, read_settings
from darkroom.model.budget import DAY


class OwnerDoctor:
    """Looks at an owner's folder. Changes nothing."""

    def __init__(self, state: Path, backup: Path | None) -> None:
        """Take the folder, and the folder of its copy, if there is one."""
        self._state = state
        self._backup = backup

    def checks(self) -> list[tuple[str, Check]]:
        """In order."""
        here: list[tuple[str, Check]] = [
            ("folder", lambda: machine.folder_rights(self._state)),
            ("disk", lambda: machine.disk(self._state)),
            ("keys", self._key_file),
        ]
        if not (self._state / STORE).is_file():  # what follows would make it
            return here
        return [
            *here,
            ("domain", self._domain),
            ("pending", self._pending),
            ("backup", self._copy),
            ("time", machine.time_sync),
            ("gateway", self._link),
        ]

    def _key_file(self) -> Iterator[Finding]:
        identity = SycKeyring.load(self._state / KEYS).identity
        yield ok("keys", f"{identity.name} {identity.fingerprint} (mode 0600)")

    def _domain(self) -> Iterator[Finding]:
        found = pinned_domain_identity(self._state)
        if found is None:
            name = read_settings(self._state)["domain"]
            yield warn(
                "domain",
                f"{name} is not pinned: nothing can be signed for it",
                "darkroom owner pin north.json, from the file that its node exported",
            )
        else:
            yield ok("domain", f"{found.name} {found.fingerprint}")

    def _pending(self) -> Iterator[Finding]:
        store = SqliteOwnerStore(self._state / STORE)
        try:
            waiting = [
                case
                for subject in ("code", "output")
                for case in store.cases(subject, waiting=True)
            ]
            unsent = len(store.unsent())
        finally:
            store.close()
        if unsent:
            yield warn(
                "letters", f"{unsent} of your letters are not sent yet", "darkroom owner watch"
            )
        oldest = min((case.received_at for case in waiting), default=0.0)
        days = (SystemClock().now() - oldest) / DAY
        if waiting and days > 1:
            words = f"{len(waiting)} requests wait, the oldest for {days:.0f} days"
            yield warn("pending", words, "darkroom review, darkroom release")
        else:
            yield ok("pending", f"{len(waiting)} requests wait")

    def _copy(self) -> Iterator[Finding]:
        ours = SycKeyring.load(self._state / KEYS).identity.fingerprint
        if self._backup is None:
            yield warn(
                "backup",
                "this program cannot see whether a copy of your keys exists",
                "keep the recovery words on paper, or name a copy: --backup FOLDER",
            )
            return
        copied = SycKeyring.load(self._backup / KEYS).identity.fingerprint
        if copied == ours:
            yield ok("backup", f"{self._backup} holds the same keys")
        else:
            cure = f"copy {self._state} there again"
            yield warn("backup", f"{self._backup} holds other keys: {copied}", cure)

    def _link(self) -> Iterator[Finding]:
        settings = read_settings(self._state)
        return link(
            settings["gateway"],
            SycKeyring.load(self._state / KEYS),
            allow_plain_http=bool(settings.get("allow_plain_http")),
            starts_with="`darkroom owner watch`",
        )
