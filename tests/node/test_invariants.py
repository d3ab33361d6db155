"""Whatever order letters come in, however often, and whenever the node dies: the laws hold.

Hypothesis plays everybody at once: scientists who submit and cancel, an owner who decides
rightly and wrongly, a gateway that repeats and reorders, a node that is restarted.
"""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from darkroom.policy.transitions import TRANSITIONS
from darkroom.ports import Outcome
from tests.node.village import Village, spec
from tests.node.village import rule as known


WRONG = "sha256:" + "f" * 64
ENDINGS = {
    "well": None,
    "crash": Outcome(status="failed", seconds=0.1, error_class="ValueError"),
    "hang": Outcome(status="limit", seconds=9.0, limit="wall clock (600 s)"),
    "undeclared": {"other": 1},
}


class Life(RuleBasedStateMachine):
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.village = Village(Path(self.folder.name), cameras=2)
        self.approved: set[tuple[str, str]] = set()  # what the owner really signed
        self.released: set[tuple[str, str]] = set()
        self.number = 0

    def teardown(self) -> None:
        self.village.store.close()
        self.folder.cleanup()

    @initialize(
        target=requests,
        by_rule=st.booleans(),
        release=st.sampled_from(["auto", "owner"]),
        far=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    )
    def a_policy_and_jobs_that_got_so_far(self, by_rule, release, far):
        both = {spec().code_digest, spec(split="camera").code_digest}
        self.by_rule = both if by_rule else set()
        self.village.sign_policy(
            self.village.policy(
                rules=tuple(known(d, release=release) for d in sorted(self.by_rule))
            )
        )
        requests = [self.submit(bob=False, split="camera") for _ in far]
        self.village.settle()
        for request, steps in zip(requests, far, strict=True):
            if steps >= 1:
                self.owner_decides_on_code(request, right=True, verdict="approve")
            self.village.settle() if steps >= 2 else self.village.poll()
            if steps >= 3:
                self.owner_decides_on_output(request, right=True, verdict="release")
        return multiple(*requests)

    # ---------------------------------------------------------------------------- people

    @rule(target=requests, bob=st.booleans(), split=st.sampled_from(["", "camera"]))
    def submit(self, bob, split):
        self.number += 1
        by = self.village.bob if bob else self.village.alice
        request = self.village.request(by, job_id=f"{self.number:032x}", split=split)
        self.village.submit(request, by)
        return request

    @rule(request=requests)
    def submit_again_in_a_new_letter(self, request):
        self.village.submit(request, self.person(request))

    @rule(request=requests)
    def submit_in_the_name_of_another(self, request):
        other = self.village.alice if request.submitter == "bob" else self.village.bob
        self.village.submit(request, other)

    @rule(request=requests, right=st.booleans(), verdict=st.sampled_from(["approve", "reject"]))
    def owner_decides_on_code(self, request, right, verdict):
        digest = request.job_digest if right else WRONG
        self.village.decide(request.job_id, "code", verdict, digest)
        if verdict == "approve":
            self.approved.add((request.job_id, digest))

    @rule(request=requests, right=st.booleans(), verdict=st.sampled_from(["release", "withhold"]))
    def owner_decides_on_output(self, request, right, verdict):
        asked = self.village.owner.letters("release.request", request.job_id)
        digest = asked[0].body["output_digest"] if asked and right else WRONG
        self.village.decide(request.job_id, "output", verdict, digest)
        if verdict == "release":
            self.released.add((request.job_id, digest))

    @rule()
    def owner_approves_all_that_is_asked(self):
        for letter in self.village.owner.letters("review.request"):
            job_id = letter.body["request"]["job_id"]
            record = self.village.store.job(job_id)
            self.village.decide(job_id, "code", "approve", record.job_digest)
            self.approved.add((job_id, record.job_digest))
        self.village.poll()

    @rule()
    def owner_releases_all_that_is_asked(self):
        for letter in self.village.owner.letters("release.request"):
            job_id, digest = letter.body["job_id"], letter.body["output_digest"]
            self.village.decide(job_id, "output", "release", digest)
            self.released.add((job_id, digest))
        self.village.poll()

    @rule(request=requests, own=st.booleans())
    def cancel(self, request, own):
        by = self.person(request)
        if not own:
            by = self.village.alice if by is self.village.bob else self.village.bob
        by.say("job.cancel", {"job_id": request.job_id})

    # -------------------------------------------------------------------------- the gateway

    @rule(data=st.data())
    def gateway_reorders(self, data):
        box = self.village.exchange.mailboxes.setdefault("north", [])
        order = data.draw(st.permutations(range(len(box))))
        cursors = [parcel.cursor for parcel in box]
        box[:] = [replace(box[i], cursor=c) for i, c in zip(order, cursors, strict=True)]

    @rule(data=st.data())
    def gateway_repeats(self, data):
        box = self.village.exchange.mailboxes.setdefault("north", [])
        if box:
            parcel = data.draw(st.sampled_from(box))
            self.village.exchange.cursor += 1
            box.append(replace(parcel, cursor=self.village.exchange.cursor))

    @rule(data=st.data())
    def gateway_damages(self, data):
        box = self.village.exchange.mailboxes.setdefault("north", [])
        if box:
            parcel = data.draw(st.sampled_from(box))
            flipped = bytes([parcel.envelope[-1] ^ 1])
            self.village.exchange.cursor += 1
            box.append(
                replace(
                    parcel,
                    cursor=self.village.exchange.cursor,
                    envelope=parcel.envelope[:-1] + flipped,
                )
            )

    # ----------------------------------------------------------------------------- the node

    @rule()
    def node_does_all_it_can(self):
        self.village.settle()

    @rule()
    def node_reads(self):
        self.village.poll()

    @rule()
    def node_reads_but_its_acknowledgement_is_lost(self):
        box = self.village.exchange.mailboxes.setdefault("north", [])
        before = list(box)
        self.village.poll()
        box[:0] = before

    @rule(ending=st.sampled_from(sorted(ENDINGS)))
    def node_works(self, ending):
        sandbox = self.village.sandbox
        plain = sandbox.job
        if ENDINGS[ending] is not None:
            sandbox.job = lambda _: ENDINGS[ending]
        if ending == "undeclared":
            sandbox.job = lambda _: Outcome(status="failed", seconds=0.1, error_class="OutputError")
        try:
            self.village.node.service.work_once()
        finally:
            sandbox.job = plain

    @rule()
    def node_works_without_walls(self):
        self.village.sandbox.broken = 1
        self.village.node.service.work_once()
        self.village.sandbox.broken = 0
        self.village.clock.forward(120)

    @rule()
    def node_sends(self):
        self.village.node.service.send_once()

    @rule()
    def node_is_restarted(self):
        self.village.restart()

    # --------------------------------------------------------------------------------- laws

    def person(self, request):
        return {"alice": self.village.alice, "bob": self.village.bob}[request.submitter]

    @invariant()
    def every_step_is_in_the_table(self):
        for record in self.village.store.jobs():
            events = self.village.events(record.job_id)
            states = {"received"}
            for event in events[1:]:
                if event not in TRANSITIONS.values():
                    continue
                states = {
                    b for (a, b), name in TRANSITIONS.items() if name == event and a in states
                }
                assert states, events
            assert record.state in states

    @invariant()
    def nothing_runs_that_nobody_approved(self):
        approved = {job for job, digest in self.approved if digest != WRONG}
        for task in self.village.sandbox.started:
            job_id = task.task_id.partition("-")[0]
            record = self.village.store.job(job_id)
            assert record.code_digest in self.by_rule or job_id in approved

    @invariant()
    def nothing_leaves_twice_or_unasked(self):
        for record in self.village.store.jobs():
            count = Counter(self.village.events(record.job_id))["output-released"]
            assert count == (record.state == "released") <= 1
            if count and not record.released_by.startswith("rule "):
                signed = {digest for job, digest in self.released if job == record.job_id}
                assert signed - {WRONG}
            if record.released_by.startswith("rule "):
                assert record.code_digest in self.by_rule
        for person in (self.village.alice, self.village.bob):
            results = [letter.body["job_id"] for letter in person.letters("job.result")]
            assert len(results) == len(set(results))
            for job_id in results:
                record = self.village.job(job_id)
                assert (record.state, record.submitter) == ("released", person.name)

    @invariant()
    def a_job_belongs_to_who_sent_it(self):
        for record in self.village.store.jobs():
            sender = self.village.store.get(record.submitter)
            assert record.request.submitter_fingerprint == sender.fingerprint


Life.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLife = Life.TestCase
