"""What the SDK keeps of a domain's log, and what it does when a domain came back from a backup."""

from darkroom.adapters.sqlite.scientist_store import SqliteScientistStore
from darkroom.model.tree_head import KIND, TreeHead
from darkroom.policy.standing import LEVEL
from tests.node.backups import copied, put_back, restored
from tests.scientist.test_at_a_node import count, released, session, village  # noqa: F401


def test_the_highest_head_of_a_receipt_is_kept_and_sent_along(village, session, tmp_path):  # noqa: F811
    released(village, session)
    first = session.store.seen_head("north")
    released(village, session)
    kept = session.store.seen_head("north")
    assert kept["body"]["size"] > first["body"]["size"]
    assert SqliteScientistStore(tmp_path / "jobs.sqlite").seen_head("north") == kept
    sent = []
    post = session.post.send
    session.post.send = lambda letter: (sent.append(letter), post(letter))
    count.submit(session.datasets("plaza"))
    assert [letter.body["seen_head"] for letter in sent] == [kept]


def test_a_lower_head_or_one_of_an_older_epoch_takes_no_place(village, session):  # noqa: F811
    released(village, session)
    kept = session.store.seen_head("north")

    def head(**more):
        said = TreeHead.from_body({**kept["body"], **more})
        return village.keyring.sign(KIND, said.to_body())

    session.store.keep_head(head(size=kept["body"]["size"] - 1))
    assert session.store.seen_head("north") == kept
    session.store.keep_head(head(epoch=2, size=1))
    assert session.store.seen_head("north")["body"]["epoch"] == 2
    session.store.keep_head(head(size=10**6))
    assert session.store.seen_head("north")["body"]["epoch"] == 2
    assert session.store.seen_head("south") is None


def test_who_returns_with_a_receipt_finds_an_old_copy_that_the_gateway_hides(village, session):  # noqa: F811
    village.in_force(version=2)
    village.clock.forward(61)
    village.poll()
    copy, early = copied(village), list(village.exchange.heads["north"])
    released(village, session)
    put_back(village, copy)
    village.exchange.heads["north"] = early
    village.settle()
    assert village.node.standing.found.is_ == LEVEL
    count.submit(session.datasets("plaza"))
    village.settle()
    assert village.node.standing.found.is_ == "behind"


def test_jobs_that_a_restored_domain_had_are_to_be_submitted_again(village, session):  # noqa: F811
    copy = copied(village)
    done = released(village, session)
    lost = count.submit(session.datasets("plaza"))
    village.settle()
    lost.refresh()
    assert lost.state == {"north": "screened"}
    village.clock.forward(5)
    restored(village, copy)
    village.settle()
    lost.refresh()
    lost.refresh()  # the keys changed within a batch
    assert lost.state == {"north": "failed"}
    assert "submit it again" in lost.jobs["north"].reasons[0]
    assert done.state == {"north": "released"}
    later = count.submit(session.datasets("plaza"))
    village.settle()
    later.refresh()
    assert later.state["north"] in ("screened", "rejected")  # it was read


def test_a_malformed_word_about_a_restore_changes_nothing(village, session):  # noqa: F811
    job = count.submit(session.datasets("plaza"))
    village.settle()
    with village.store.transaction():
        village.node.service._journal.tell("domain.restored", "alice", {"opened_at": "now"})
    village.settle()
    job.refresh()
    assert job.state == {"north": "screened"}
    assert "domain.restored" in session.store.quarantined()[0][2]
