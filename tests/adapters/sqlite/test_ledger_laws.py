"""Whatever happens in whatever order: no account above its cap, and balances that add up."""

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.errors import StateError
from darkroom.model.amount import UNITS, Amount
from darkroom.model.budget import DAY, Account, Budget
from darkroom.policy.ledger import Entry, accounts, against, spent
from tests.adapters.sqlite.accounts import NOON


DATASETS, PEOPLE, PROJECTS = ("plaza", "yard"), ("alice", "bob"), ("count", "map")
EXACT = st.sampled_from([Fraction(0), Fraction(1, 3), Fraction("0.1"), Fraction(2)])
AMOUNTS = st.builds(Amount, releases=st.integers(0, 2), bits=st.integers(0, 100), epsilon=EXACT)
BUDGETS = st.lists(
    st.builds(
        Budget,
        name=st.sampled_from(["a", "b", "c"]),
        per=st.sampled_from(["dataset", "scientist", "project"]),
        period_days=st.sampled_from([1, 3, 7]),
        datasets=st.sampled_from([(), ("plaza",), ("yard", "plaza")]),
        releases=st.integers(0, 6),
        bits=st.none() | st.integers(0, 300),
        epsilon=st.none() | EXACT,
    ),
    max_size=4,
)  # fmt: skip


class Ledger(RuleBasedStateMachine):
    """A node's store under policies and clocks that change."""

    open_entries = Bundle("open_entries")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "node.db")
        self.store = self.opened()
        self.said: list[Entry] = []
        self.budgets: list[Budget] = []
        self.clock = NOON
        self.time = 0.0
        # What each account that is watched had left when it was last looked at.
        self.left: dict[Account, dict[str, int | Fraction]] = {}

    def opened(self) -> SqliteNodeStore:
        store = SqliteNodeStore(self.path)
        store._db.execute("PRAGMA synchronous = OFF")
        return store

    def teardown(self) -> None:
        self.the_file_is_whole()
        self.store.close()
        self.folder.cleanup()

    def drawn_on(
        self, dataset: str, scientist: str, project: str, at: float
    ) -> tuple[Account, ...]:
        names = {"dataset": dataset, "scientist": scientist, "project": project}
        return accounts(self.budgets, **names, at=at)

    @rule(budgets=BUDGETS)
    def new_policy(self, budgets):
        """Its caps may be below what was spent; then nothing more goes out, that is all."""
        self.budgets = budgets
        self.left = {}

    @rule(days=st.floats(-10, 10))
    def set_the_clock(self, days):
        self.clock += days * DAY

    @rule()
    def restart(self):
        self.the_file_is_whole()
        self.store.close()
        self.store = self.opened()

    @rule(
        target=open_entries,
        dataset=st.sampled_from(DATASETS),
        scientist=st.sampled_from(PEOPLE),
        project=st.sampled_from(PROJECTS),
        amount=AMOUNTS,
    )
    def reserve(self, dataset, scientist, project, amount):
        with self.store.transaction():
            at = max(self.clock, self.store.ledger_time())
            drawn = self.drawn_on(dataset, scientist, project, at)
            refused = against(amount, [(one, self.store.spent(one)) for one in drawn])
            if refused:
                return multiple()
            said = Entry(
                reservation=f"{len(self.said):032x}", kind="reserve", at=at, dataset=dataset,
                scientist=scientist, project=project, amount=amount, policy_version=1,
            )  # fmt: skip
            self.store.add_entry(said)
        self.said.append(said)
        for one in drawn:
            after = spent(one, self.said)
            for unit in UNITS:
                cap = one.budget.cap(unit)
                assert cap is None or not getattr(amount, unit) or getattr(after, unit) <= cap
        return said

    @rule(said=open_entries, kind=st.sampled_from(["settle", "refund"]))
    def close(self, said, kind):
        """The first time it counts; again, in whatever way, nothing changes."""
        last = self.store.reservation(said.reservation)
        if last.kind == "reserve":
            self.store.add_entry(replace(said, kind=kind))
            self.said.append(replace(said, kind=kind))
            if kind == "refund":
                self.left = {}
        else:
            with pytest.raises(StateError):
                self.store.add_entry(replace(said, kind=kind))

    @rule(said=open_entries)
    def reserve_again(self, said):
        again = replace(said, at=max(said.at, self.store.ledger_time()))
        with pytest.raises(StateError):
            self.store.add_entry(again)

    @rule(budgets=BUDGETS, at=st.floats(-20, 20))
    def ask_for_any_account(self, budgets, at):
        """Also of a period that is gone, and of a policy that never was in force."""
        for dataset in DATASETS:
            for one in accounts(
                budgets, dataset=dataset, scientist="alice", project="map", at=NOON + at * DAY
            ):
                assert self.store.spent(one) == spent(one, self.said)

    @invariant()
    def balances_are_the_fold(self):
        now = max(self.clock, self.time)
        for dataset in DATASETS:
            for one in self.drawn_on(dataset, "alice", "count", now):
                assert self.store.spent(one) == spent(one, self.said)

    @invariant()
    def what_is_left_never_rises_but_by_a_refund(self):
        now = max(self.clock, self.time)
        for one in self.drawn_on("plaza", "alice", "count", now):
            left = one.budget.left(self.store.spent(one))
            was = self.left.get(one, left)
            assert all(left[unit] <= was[unit] for unit in left)
            self.left[one] = left

    @invariant()
    def time_never_goes_back(self):
        now = self.store.ledger_time()
        assert now >= self.time
        assert now == max((said.at for said in self.said), default=0.0)
        self.time = now

    def the_file_is_whole(self):
        self.store.verify()
        assert self.store.entries() == self.said


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
