"""A scientist's home: who it belongs to, and what is said when it is not as it should be."""

import json

import pytest
from click.testing import CliRunner

from darkroom.bootstrap.scientist import connect, enrol, read_profile
from darkroom.cli.scientist import whoami
from darkroom.errors import InputError, StateError, TrustError
from darkroom.post.invitation import Invitation


def an_invitation(gateway: str = "http://127.0.0.1:9") -> str:
    return Invitation.mint(
        gateway=gateway, domain="north", domain_fingerprint="sha256:" + "1" * 64,
        scientist="alice", expires_at=4e9,
    ).encode()  # fmt: skip


@pytest.fixture
def home(tmp_path, keys):
    keys["alice"].save(tmp_path / "keys.json")
    profile = {"name": "alice", "gateway": "http://127.0.0.1:9"}
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    return tmp_path


def test_nobody_enrolled_yet_says_how(tmp_path):
    with pytest.raises(InputError) as nobody:
        connect(tmp_path)

    assert "darkroom enrol" in nobody.value.next_step


def test_connecting_asks_nobody(home, keys):
    session = connect(home, run_log="")

    assert session.name == "alice"
    assert keys["alice"].identity.fingerprint in repr(session)


def test_whoami_shows_the_fingerprint(home, keys):
    said = CliRunner().invoke(whoami, ["--home", str(home)])

    assert said.exit_code == 0, said.output
    assert keys["alice"].identity.fingerprint in said.output


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "A B", "gateway": "x"}'])
def test_a_damaged_profile_is_said(home, text):
    (home / "profile.json").write_text(text)

    with pytest.raises((StateError, InputError)) as damaged:
        read_profile(home)
    assert damaged.value.next_step


def test_a_home_belongs_to_one_gateway(home):
    with pytest.raises(InputError, match="belongs to the gateway"):
        enrol(an_invitation("http://127.0.0.1:10"), home)


def test_an_invitation_for_another_name_is_refused_before_anything_is_sent(tmp_path, keys):
    keys["north"].save(tmp_path / "keys.json")  # somebody else's keys

    with pytest.raises(InputError, match="for alice"):
        enrol(an_invitation(), tmp_path)


def test_a_mutilated_invitation_is_refused(tmp_path):
    with pytest.raises(TrustError, match="complete"):
        enrol(an_invitation()[:-3], tmp_path)
    assert not (tmp_path / "keys.json").exists()
