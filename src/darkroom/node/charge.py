"""HOP 6, charge: a job's price is reserved as it is admitted, and closed as it ends.

The arithmetic is `policy.ledger`; this is where it meets the store. Every method that
writes belongs inside the transaction that keeps the job's row.
"""

from darkroom.model.amount import NOTHING, Amount
from darkroom.model.budget import Account
from darkroom.model.job import JobRequest
from darkroom.model.job_record import JobRecord
from darkroom.model.site_policy import SitePolicy
from darkroom.node.store import NodeStore
from darkroom.policy.disclosure import MAX_LOG
from darkroom.policy.epoch import counted
from darkroom.policy.ledger import Entry, Kind, accounts, against, closing
from darkroom.policy.price import log_price
from darkroom.ports import Clock


class Charge:
    """Reserves, settles and refunds."""

    def __init__(self, *, store: NodeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> float:
        """The ledger's time: a clock that was set back opens no period a second time."""
        opened_at = self._store.opened_epoch().opened_at
        return max(self._clock.now(), self._store.ledger_time(), opened_at)

    def spent(self, request: JobRequest, policy: SitePolicy) -> tuple[tuple[Account, Amount], ...]:
        """The accounts that a job draws on now, with what was spent of each."""
        return self._spent(request, policy, self.now())

    def _spent(
        self, request: JobRequest, policy: SitePolicy, at: float
    ) -> tuple[tuple[Account, Amount], ...]:
        found = accounts(
            policy.budgets,
            dataset=request.dataset,
            scientist=request.submitter,
            project=request.project,
            at=at,
        )
        return tuple(map(self.counted, found))

    def counted(self, account: Account) -> tuple[Account, Amount]:
        """What counts as spent of an account: all of it where a restore closed it."""
        return counted(account, self._store.spent(account), self._store.restores())

    def reserve(self, request: JobRequest, price: Amount, policy: SitePolicy) -> tuple[str, ...]:
        """Take the price of a job that is being admitted; why not, or ()."""
        return self._take(request.job_id, request, price, policy)

    def charge_log(self, record: JobRecord, policy: SitePolicy) -> tuple[str, ...]:
        """Take what releasing the log costs, for good; why not, or ()."""
        name = f"{record.job_id}:log"
        short = self._take(name, record.request, log_price(MAX_LOG), policy)
        if not short:
            self._say("settle", name)
        return short

    def close(self, record: JobRecord) -> None:
        """The job ended: what it reserved was used, or it never started."""
        last = self._store.reservation(record.job_id)
        if last is not None and last.kind == "reserve":
            self._say(closing(touched=record.touched), record.job_id)

    def keep(self, record: JobRecord) -> None:
        """The job ended with a restore: what it reserved may have been used, so it was."""
        last = self._store.reservation(record.job_id)
        if last is not None and last.kind == "reserve":
            self._say("settle", record.job_id)

    def _take(
        self, name: str, request: JobRequest, price: Amount, policy: SitePolicy
    ) -> tuple[str, ...]:
        if price == NOTHING:
            return ()
        at = self.now()  # once: a new period may begin between two looks
        short = against(price, self._spent(request, policy, at))
        if not short:
            self._store.add_entry(
                Entry(
                    reservation=name,
                    kind="reserve",
                    at=at,
                    dataset=request.dataset,
                    scientist=request.submitter,
                    project=request.project,
                    amount=price,
                    policy_version=policy.version,
                )
            )
        return short

    def _say(self, kind: Kind, name: str) -> None:
        last = self._store.reservation(name)
        assert last is not None  # reserved before, in this transaction or an earlier one
        self._store.add_entry(
            Entry(
                reservation=name,
                kind=kind,
                at=last.at,
                dataset=last.dataset,
                scientist=last.scientist,
                project=last.project,
                amount=last.amount,
                policy_version=last.policy_version,
            )
        )
