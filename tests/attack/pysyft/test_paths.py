"""A3: a path that leaves the place where a scientist may write."""

import pytest

from tests.attack.pysyft.site import BOB, NORTH
from tests.attack.pysyft.stock import town as stock


OUTSIDE = "outside the sender's own inbox"
PRIVATE = "private/syft_datasets/plaza/private.txt"
INBOX = stock.inbox(stock.BOB)


def synced(town) -> bool:
    """Whether the owner's engine got through; several attacks make it raise."""
    try:
        town[stock.NORTH].sync()
    except Exception:  # noqa: BLE001 - whatever the engine raises
        return False
    return True


def written(town) -> set[str]:
    return {
        p.relative_to(town.folder).as_posix()
        for p in town.folder.rglob("*")
        if p.is_file() and "escaped" in p.name
    }


# ------------------------------------------------------------------------- the stock engine


@pytest.mark.attack("A3", control="off")
def test_stock_a_private_file_is_overwritten(town):
    assert (town.site(stock.NORTH) / PRIVATE).read_text() == stock.SECRET

    town.say(stock.BOB, {f"public/../{PRIVATE}": "poisoned"}, sender=stock.NORTH)
    town[stock.NORTH].sync()

    assert (town.site(stock.NORTH) / PRIVATE).read_text() == "poisoned"


@pytest.mark.attack("A3b", control="off")
def test_stock_the_way_out_of_the_datasite_is_shut(town):
    """The engine itself blocks this one, in the sender's own name and in the owner's."""
    town.say(stock.BOB, {"../../escaped": "x"})
    synced(town)
    town.say(stock.BOB, {"../../escaped": "x"}, sender=stock.NORTH)
    synced(town)

    assert written(town) == set()


@pytest.mark.attack("A3c", control="off")
def test_stock_the_way_out_of_ones_inbox_is_shut(town):
    """The engine itself blocks this one for an honest sender: its rules see the path."""
    town.say(stock.BOB, {f"{INBOX}/../../../../../../public/escaped": "x"})
    synced(town)

    assert written(town) == set()


@pytest.mark.attack("A3d", control="off")
def test_stock_nothing_is_written_at_an_absolute_path(town):
    """The engine itself blocks this one; what becomes of the sync is A3e."""
    town.say(stock.BOB, {f"{town.folder}/escaped": "x"})
    synced(town)

    assert written(town) == set()


@pytest.mark.attack("A3e", control="off")
def test_stock_an_absolute_path_ends_every_sync_from_then_on(town):
    town.say(stock.BOB, {f"{town.folder}/escaped": "x"})
    town.submit(stock.ALICE)

    assert not synced(town)
    assert not synced(town)
    assert town.state(by=stock.ALICE) == ""


# --------------------------------------------------------------------------------- a domain


PATHS = [
    f"public/../{PRIVATE}",
    PRIVATE,
    "../../escaped",
    "../olga@darkroom/private/crypto_keys.json",
    f"{stock.inbox(BOB)}/../../../../../../public/escaped",
    f"{stock.inbox(BOB)}/code/../../../escaped.py",
    f"{stock.inbox(BOB)}/code/./main.py",
    f"./{stock.inbox(BOB)}/code/main.py",
    "/tmp/escaped",
    f"/{stock.inbox(BOB)}/code/main.py",
    f"{stock.inbox(BOB)}/code//main.py",
    f"{stock.inbox(BOB)}/code/ma\x00in.py",
    f"{stock.inbox(BOB)}/code/ma\nin.py",
    f"{stock.inbox(BOB)}/code/\u202emain.py",
    f"app_data/job/inbox/{BOB}/v2/count/code/main.py",
    f"app_data/job/inbox/{BOB}/count/code/main.py",
    f"app_data/job/inbox/{BOB}/v1/../v1/count/code/main.py",
    "app_data\\job\\inbox\\escaped",
    "",
    ".",
]


@pytest.mark.attack("A3", "A3b", "A3c", "A3d", "A3e", control="on")
@pytest.mark.parametrize("beside", [False, True])
def test_a_path_that_is_not_in_ones_own_inbox_is_put_aside(site, beside):
    """As the wire carries it: the engine's own classes would make some of them harmless."""
    site.refuses(OUTSIDE, *[site.raw({path: "x"}, beside=beside) for path in PATHS])


@pytest.mark.attack("A3", control="on")
def test_a_strange_name_within_the_code_is_put_aside(site):
    names = ["a" * 5000, "/".join(["a"] * 400), "CON ", "-rf", "a b", "é", "a" * 300, "$(id)"]
    code = f"{stock.inbox(BOB)}/code"

    site.refuses("path", *[site.raw({f"{code}/{name}.py": "x"}, beside=True) for name in names])


@pytest.mark.attack("A3", control="on")
def test_the_owners_name_opens_no_path(site):
    path = f"public/../{PRIVATE}"

    site.refuses("another sender", site.raw({path: "x"}, sender=NORTH))


@pytest.mark.attack("A3e", control="on")
def test_an_absolute_path_stops_nobody_however_often_it_comes(site):
    for _ in range(3):
        site.refuses(OUTSIDE, site.raw({"/tmp/escaped": "x"}))
