"""What a domain says of itself: its profile and the cards of its datasets, signed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from darkroom.model.airlock import Airlock
from darkroom.model.canonical import digest
from darkroom.model.job import Limits
from darkroom.node.laws import Laws
from darkroom.node.store import NodeStore
from darkroom.ports import Keyring, Relay, Runtime


class Presence:
    """Publishes what changed since it last published."""

    def __init__(
        self,
        *,
        store: NodeStore,
        laws: Laws,
        relay: Relay,
        keyring: Keyring,
        runtimes: Callable[[], Mapping[str, Runtime]],
        title: str,
        owner: str,
        workers: int,
        why_unfit: Callable[[], str],
        why_charged: Callable[[], str],
        on_card: Callable[[], None],
        pysyft: Callable[[], dict[str, Any]],
        packages: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._store = store
        self._laws = laws
        self._relay = relay
        self._keyring = keyring
        self._runtimes = runtimes
        self._title = title
        self._owner = owner
        self._workers = workers
        self._why_unfit = why_unfit
        self._why_charged = why_charged
        self._on_card = on_card
        self._pysyft = pysyft
        self._packages = packages
        self._published: dict[str, str] = {}
        self._seen: object = None

    def publish(self) -> int:
        """Put what is new into the directory; how many statements that were.

        Raises:
            UnreachableError: the gateway is away; call again.
        """
        seen = (
            self._store.changes_elsewhere(),
            self._store.newest_number(),  # of what this process registered itself
            self._why_unfit(),
            self._why_charged(),
            self._policy_version(),
        )
        if seen == self._seen:
            return 0
        for reviewer in self._laws.people():
            self._relay.admit(reviewer)
        count = 0
        profile = self.profile()
        if self._is_new("profile", profile):
            self._relay.publish_profile(self._keyring.sign("profile", profile))
            self._published["profile"] = digest(profile)
            count += 1
        for name, card in self._store.datasets().items():
            body = card.to_mapping()
            if self._is_new(f"card {name}", body):
                self._relay.publish_card(self._keyring.sign("card", body))
                self._published[f"card {name}"] = digest(body)
                self._on_card()
                count += 1
        self._seen = seen
        return count

    def profile(self) -> dict[str, Any]:
        """What the profile says."""
        policy = self._laws.policy()
        return {
            "domain": self._keyring.identity.name,
            "title": self._title,
            "owner": self._owner,
            "environments": {
                name: {
                    "lock_hash": runtime.lock_hash,
                    "interpreter": runtime.interpreter,
                    "packages": dict(self._packages(name)),
                }
                for name, runtime in self._runtimes().items()
            },
            "workers": self._workers,
            "limits": asdict(policy.limits if policy else Limits()),
            "airlock": (policy.airlock if policy else Airlock()).to_mapping(),
            "unfit": self._why_unfit(),
            "waiting": self._why_charged(),
            "pysyft": self._pysyft(),
        }

    def _policy_version(self) -> int:
        policy = self._store.policy()
        return int(policy.body["version"]) if policy else 0

    def _is_new(self, name: str, body: dict[str, Any]) -> bool:
        return self._published.get(name) != digest(body)
