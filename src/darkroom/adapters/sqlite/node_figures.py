"""What a node's file says in numbers, for its operator: how many and how old, never whose."""

from dataclasses import dataclass

from darkroom.adapters.sqlite.node_file import NodeFile


TIER = "$.request.spec.tier"
PAGE = 500


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the event log, without its detail."""

    number: int
    event: str
    job_id: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A look at one moment. Times are Unix seconds; 0.0 where there is nothing.

    Attributes:
        jobs: (state, tier) -> number and arrival of the oldest, of jobs that have not ended.
        outbox, outbox_since: letters that wait, and since when the oldest does.
        given_up: letters that can never be delivered.
        put_aside: how many deliveries were put aside, ever.
        ledger: number of its last entry.
        policy, policy_at: version in force and since when.
        datasets: how many are offered.
    """

    jobs: dict[tuple[str, str], tuple[int, float]]
    outbox: int
    outbox_since: float
    given_up: int
    put_aside: int
    ledger: int
    policy: int
    policy_at: float
    datasets: int


class NodeFigures(NodeFile):
    """The part of the node's file that counts its rows."""

    def figures(self, states: tuple[str, ...]) -> Figures:
        """Count; jobs in these states only, since the ended ones grow without end."""
        marks = ", ".join("?" * len(states))
        jobs = self._rows(
            "SELECT state, json_extract(record, ?), COUNT(*), "  # noqa: S608 - only question marks
            f"MIN(json_extract(record, '$.received_at')) FROM jobs WHERE state IN ({marks}) "
            "GROUP BY 1, 2",
            TIER, *states,
        )  # fmt: skip
        ((outbox, since, given_up),) = self._rows(
            "SELECT COUNT(*) FILTER (WHERE problem = ''), "
            "MIN(json_extract(letter, '$.sent_at')) FILTER (WHERE problem = ''), "
            "COUNT(*) FILTER (WHERE problem <> '') FROM outbox"
        )
        ((put_aside,),) = self._rows("SELECT MAX(number) FROM quarantine")
        ((ledger,),) = self._rows("SELECT number FROM ledger_head")
        policy = self._rows("SELECT version, at FROM policies ORDER BY version DESC LIMIT 1")
        ((datasets,),) = self._rows("SELECT COUNT(DISTINCT name) FROM datasets")
        return Figures(
            jobs={(state, tier): (count, oldest) for state, tier, count, oldest in jobs},
            outbox=outbox,
            outbox_since=since or 0.0,
            given_up=given_up,
            put_aside=put_aside or 0,
            ledger=ledger,
            policy=policy[0][0] if policy else 0,
            policy_at=policy[0][1] if policy else 0.0,
            datasets=datasets,
        )

    def last_event(self) -> int:
        """Number of the newest event; 0 in an empty log."""
        return int(self._rows("SELECT size FROM audit_head")[0][0])

    def events_after(self, number: int) -> list[EventLine]:
        """The next events, oldest first, a bounded number of them.

        Waits for the end of a transaction that is under way: what was undone is never seen.
        """
        rows = self._rows(
            "SELECT e.number, e.event, e.job_id, COALESCE(json_extract(j.record, ?), '') "
            "FROM events e LEFT JOIN jobs j ON j.job_id = e.job_id "
            "WHERE e.number > ? ORDER BY e.number LIMIT ?",
            TIER, number, PAGE,
        )  # fmt: skip
        return [EventLine(*row) for row in rows]
