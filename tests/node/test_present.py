"""What a domain says of itself, and when it says it again."""

from dataclasses import replace

from darkroom.adapters.pysyft.verifier import SycVerifier
from darkroom.adapters.sqlite.node_store import SqliteNodeStore
from darkroom.model.canonical import digest_bytes
from tests.node.village import LOCK, MODEL, card_of


def test_the_profile_and_the_cards_are_signed_and_published(village):
    village.in_force()
    profile = village.exchange.profiles["north"]
    body = SycVerifier().check_statement(profile, "profile", village.keyring.identity)
    assert body == {
        "domain": "north",
        "title": "North",
        "owner": "olga",
        "environments": {
            "tflite": {
                "lock_hash": LOCK,
                "interpreter": "litert",
                "packages": {"numpy": "1.26.4"},
            }
        },
        "workers": 2,
        "limits": village.policy().to_mapping()["limits"],
        "airlock": village.policy().airlock.to_mapping(),
        "unfit": "",
        "waiting": "",
        "pysyft": {
            "version": "0.10.0",
            "models": {"detector.tflite": {"sha256": digest_bytes(MODEL), "size": len(MODEL)}},
        },
    }
    card = village.exchange.cards["north", "plaza"]
    assert SycVerifier().check_statement(card, "card", village.keyring.identity) == (
        card_of(village.manifest).to_mapping()
    )


def test_nothing_new_is_not_published_again(village):
    village.in_force()
    assert village.node.presence.publish() == 0


def test_a_dataset_that_another_process_registers_is_published(village):
    village.in_force()
    elsewhere = SqliteNodeStore(village.state / "node.db")
    garage = replace(card_of(village.manifest), name="garage")
    elsewhere.register_dataset(garage, garage.version)
    elsewhere.close()
    village.poll()

    assert ("north", "garage") in village.exchange.cards


def test_what_could_not_be_published_is_published_later(village):
    village.exchange.up = False
    try:
        village.poll()
    except Exception:  # noqa: BLE001 - the gateway is away
        village.exchange.up = True
    village.poll()

    assert "north" in village.exchange.profiles


def test_a_new_policy_changes_the_limits_in_the_profile(village):
    village.in_force()
    limits = replace(village.policy().limits, memory_mib=77)
    village.in_force(version=2, limits=limits)
    village.poll()

    assert village.exchange.profiles["north"].body["limits"]["memory_mib"] == 77
