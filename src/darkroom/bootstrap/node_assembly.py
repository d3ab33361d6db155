"""The hops of a node connected to one another: nothing is started and nothing is read."""

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from darkroom.adapters.pysyft.endpoint import KIND, PysyftEndpoint
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.dataset import DatasetCard, Manifest
from darkroom.model.job import Limits
from darkroom.node.admit import Admission
from darkroom.node.attempt import Attempts
from darkroom.node.audit import Audit
from darkroom.node.balances import Balances
from darkroom.node.bell import Bell
from darkroom.node.cancel import Cancellation
from darkroom.node.charge import Charge
from darkroom.node.code_shelf import CodeShelf
from darkroom.node.conversation import Conversation
from darkroom.node.disclose import Disclosure
from darkroom.node.enrol import Enrolment
from darkroom.node.followed_keys import FollowedKeys
from darkroom.node.forget import Elsewhere, Forgetting
from darkroom.node.intake import Intake
from darkroom.node.journal import Journal
from darkroom.node.keep import Housekeeping
from darkroom.node.laws import Laws
from darkroom.node.letter_box import LetterBox
from darkroom.node.override import Overrides
from darkroom.node.present import Presence
from darkroom.node.quote import Quotes
from darkroom.node.receipt import Receipts
from darkroom.node.recover import recover, sweep
from darkroom.node.retention import Retention
from darkroom.node.review import Review
from darkroom.node.run import Runner
from darkroom.node.send import Sender
from darkroom.node.service import Service
from darkroom.node.spoken import Spoken
from darkroom.node.standing import Standing
from darkroom.node.walls import Walls
from darkroom.ports import Clock, FootageStore, Keyring, Relay, Runtime, Sandbox, Verifier
from darkroom.post import Post
from darkroom.post.succession import Succession


SIGNED_POLICY = "policy.signed.json"  # letter boxes in the state folder
SIGNED_OVERRIDE = "override.signed.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The outside of a node: everything that a test may put another thing in place of.

    Attributes:
        oversize: why the sandbox can never give a job its limits; "" where it can.
    """

    store: SqliteNodeStore
    keyring: Keyring
    verifier: Verifier
    relay: Relay
    sandbox: Sandbox
    footage: FootageStore
    runtimes: Callable[[], Mapping[str, Runtime]]
    clock: Clock
    free_bytes: Callable[[], int]
    mock: Callable[[DatasetCard], tuple[Path, Manifest]]
    pause: Callable[[threading.Event, float], None]
    endpoint: PysyftEndpoint
    oversize: Callable[[Limits], str] = lambda _: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node that is put together and not started."""

    service: Service
    runner: Runner
    walls: Walls
    standing: Standing
    presence: Presence
    bell: Bell
    recover: Callable[[], int]


def assemble(
    parts: Parts,
    *,
    state: Path,
    title: str,
    owner: str,
    workers: int,
    say: Callable[[str], None],
    retention_days: Mapping[str, int] = MappingProxyType({}),
    arrivals: Callable[[SqliteNodeStore, Journal], Callable[[], None]] | None = None,
    beat: Callable[[], None] = lambda: None,
    on_letter: Callable[[str, str, str], None] = lambda _event, _job, _envelope: None,
    elsewhere: Elsewhere | None = None,
    datasets: Collection[str] = (),
) -> Node:
    """Connect the hops. Starts nothing and reads nothing.

    Args:
        arrivals: what looks for versions of other Pis; None where there are none.
        elsewhere: what tells them to forget.
        datasets: names in domain.yaml, also of those that were never registered.
    """
    store, clock, keyring = parts.store, parts.clock, parts.keyring
    identity = keyring.identity
    bell, stopping = Bell(), threading.Event()
    charge = Charge(store=store, clock=clock)
    journal = Journal(
        store=store,
        clock=clock,
        domain=identity.name,
        owner=owner,
        close=charge.close,
        ring=bell.ring,
    )
    audit = Audit(store=store, keyring=keyring, relay=parts.relay, clock=clock, say=say)
    standing = Standing(
        store=store,
        keyring=keyring,
        verifier=parts.verifier,
        relay=parts.relay,
        clock=clock,
        journal=journal,
        say=say,
    )
    walls = Walls(sandbox=parts.sandbox, store=store, clock=clock)
    retention = Retention(
        days=retention_days,
        store=store,
        journal=journal,
        footage=parts.footage,
        clock=clock,
        say=say,
    )
    laws = Laws(
        store=store,
        charge=charge,
        domain=identity.name,
        owner=owner,
        runtimes=parts.runtimes,
        holds=retention.holds,
        oversize=parts.oversize,
    )
    shelf = CodeShelf(state / "code")
    scratch = state / "scratch"
    disclosure = Disclosure(
        journal=journal,
        laws=laws,
        charge=charge,
        keyring=keyring,
        receipts=Receipts(store=store, keyring=keyring, prove=audit.prove, owner=owner),
        sandbox=parts.sandbox,
        folder=state / "outputs",
        why_held=standing.why,
    )

    def why_waiting(tier: str) -> str:
        return walls.why_unfit() or standing.why(tier)

    admission = Admission(
        store=store,
        journal=journal,
        shelf=shelf,
        laws=laws,
        charge=charge,
        clock=clock,
        free_bytes=parts.free_bytes,
        why_waiting=why_waiting,
        hear=standing.hear,
    )
    spoken = Spoken(store=store, verifier=parts.verifier, laws=laws, owner=owner)
    review = Review(
        store=store,
        journal=journal,
        verifier=parts.verifier,
        spoken=spoken,
        clock=clock,
        domain=identity.name,
        laws=laws,
        charge=charge,
        admission=admission,
        disclosure=disclosure,
        why_waiting=why_waiting,
    )
    overrides = Overrides(
        store=store,
        journal=journal,
        spoken=spoken,
        standing=standing,
        clock=clock,
        domain=identity.name,
    )
    intake = Intake(
        store=store,
        journal=journal,
        clock=clock,
        admission=admission,
        review=review,
        cancellation=Cancellation(store=store, journal=journal),
        conversation=Conversation(
            store=store, journal=journal, laws=laws, charge=charge, spoken=spoken
        ),
        quotes=Quotes(store=store, journal=journal, laws=laws, charge=charge),
        balances=Balances(store=store, journal=journal, laws=laws, charge=charge),
        enrolment=Enrolment(store=store, journal=journal, keyring=keyring, verifier=parts.verifier),
        overrides=overrides,
        dialects={KIND: parts.endpoint.read},
    )
    runner = Runner(
        store=store,
        journal=journal,
        shelf=shelf,
        laws=laws,
        footage=parts.footage,
        runtimes=parts.runtimes,
        attempts=Attempts(
            shelf=shelf,
            sandbox=parts.sandbox,
            disclosure=disclosure,
            clock=clock,
            pool=ThreadPoolExecutor(workers, thread_name_prefix="shard"),
            pause=parts.pause,
        ),
        disclosure=disclosure,
        workers=workers,
        scratch=scratch,
        stopping=stopping.is_set,
        why_held=standing.why,
        mock=lambda dataset: parts.mock(store.datasets()[dataset]),
    )
    presence = Presence(
        store=store,
        laws=laws,
        relay=parts.relay,
        keyring=keyring,
        runtimes=parts.runtimes,
        title=title,
        owner=owner,
        workers=workers,
        why_unfit=walls.why_unfit,
        why_charged=standing.why_charged,
        on_card=admission.screen_again,
        pysyft=parts.endpoint.profile,
        packages=parts.endpoint.installed,
    )

    followed = FollowedKeys(
        store=store, journal=journal, laws=laws, clock=clock, changed=review.keys_changed
    )

    def post() -> Post:
        return Post(
            relay=parts.relay,
            keyring=keyring,
            verifier=parts.verifier,
            pins=store,
            clock=clock,
            on_warning=say,
            on_letter=on_letter,
            succession=Succession(
                relay=parts.relay,
                verifier=parts.verifier,
                pins=store,
                clock=clock,
                accepted=followed.accept,
                refused=followed.refuse,
            ),
        )

    forgetting = Forgetting(
        store=store,
        journal=journal,
        sign=keyring.sign,
        footage=parts.footage,
        clock=clock,
        domain=identity.name,
        say=say,
        elsewhere=elsewhere,
        datasets=datasets,
    )

    def forget() -> bool:
        runner.heed_wishes()  # an order may have ended runs
        return forgetting.tend()

    boxes = (
        LetterBox(
            state / SIGNED_POLICY,
            store=store,
            take=lambda said: review.adopt(
                said.get("policy"), sender=owner, identities=said.get("identities", [])
            ),
            say=say,
        ),
        LetterBox(
            state / SIGNED_OVERRIDE,
            store=store,
            take=lambda said: overrides.adopt(said.get("override"), sender=owner),
            say=say,
        ),
    )
    service = Service(
        identity=identity,
        handovers=keyring.handovers,
        store=store,
        journal=journal,
        intake=intake,
        presence=presence,
        sender=Sender(
            store=store,
            journal=journal,
            post=post(),
            relay=parts.relay,
            clock=clock,
            state=state,
            keyring=keyring,
        ),
        runner=runner,
        walls=walls,
        relay=parts.relay,
        post=post(),
        clock=clock,
        bell=bell,
        stopping=stopping,
        workers=workers,
        audit=audit,
        standing=standing,
        go_on=review.go_on,
        housekeeping=Housekeeping(
            store=store,
            clock=clock,
            boxes=boxes,
            retention=retention.enforce,
            arrivals=arrivals(store, journal) if arrivals else lambda: None,
            forgetting=forget,
            sweep=lambda: sweep(store=store, shelf=shelf, disclosure=disclosure),
            close_day=journal.close_day,
        ).tend,
        say=say,
        beat=beat,
    )
    return Node(
        service=service,
        runner=runner,
        walls=walls,
        standing=standing,
        presence=presence,
        bell=bell,
        recover=lambda: recover(
            store=store, runner=runner, shelf=shelf, disclosure=disclosure, scratch=scratch
        ),
    )
