"""One printable line from the owner to the scientist."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError, TrustError
from darkroom.post import Invitation


def mint(**changes):
    return Invitation.mint(
        **{
            "gateway": "https://gateway.example:8443/",
            "domain": "north",
            "domain_fingerprint": "sha256:" + "ab" * 32,
            "scientist": "alice",
            "expires_at": 1_800_000_000.0,
            **changes,
        }
    )


INVITATION = mint()
LINE = INVITATION.encode()


def test_a_line_comes_back():
    assert INVITATION == Invitation.decode(LINE)
    assert LINE.isascii()
    assert LINE.isprintable()
    assert LINE.startswith("darkroom1:")


def test_a_mail_program_may_have_broken_it_into_lines():
    broken = "  " + "\n> ".join([LINE[:80], LINE[80:160], LINE[160:]]).replace("> ", "  ")

    assert INVITATION == Invitation.decode(broken)


@given(st.integers(0, len(LINE) - 1), st.sampled_from("abcXYZ019-_"))
def test_a_changed_character_is_noticed(index, character):
    changed = LINE[:index] + character + LINE[index + 1 :]
    if changed == LINE:
        return
    if index == len(LINE) - 1:  # the last character of base64 has bits that mean nothing
        with contextlib.suppress(TrustError):
            assert INVITATION == Invitation.decode(changed)
        return
    with pytest.raises(TrustError) as caught:
        Invitation.decode(changed)
    assert "whole line" in caught.value.next_step


@pytest.mark.parametrize("line", ["", "darkroom1:", LINE[:-8], LINE[10:], "x" * 100_000, LINE * 9])
def test_a_piece_of_it_is_not_enough(line):
    with pytest.raises(TrustError, match="not a complete invitation"):
        Invitation.decode(line)


@pytest.mark.parametrize(
    "change",
    [
        {"gateway": "javascript:alert(1)"},
        {"gateway": "https://user:password@gateway.example"},
        {"gateway": "https://gateway.example\n"},
        {"domain": "Nörd"},
        {"scientist": ""},
        {"domain_fingerprint": "ab" * 32},
        {"expires_at": float("nan")},
        {"expires_at": True},
    ],
)
def test_what_is_not_well_formed_is_not_minted(change):
    with pytest.raises(SpecError):
        mint(**change)


@pytest.mark.parametrize("gateway", ["http://127.0.0.1:8080", "https://[::1]:8443/darkroom"])
def test_addresses_of_all_kinds(gateway):
    assert gateway == Invitation.decode(mint(gateway=gateway).encode()).gateway


def test_the_owners_statement_brings_it_to_the_domain():
    body = INVITATION.to_body()

    assert INVITATION == Invitation.from_body(body, INVITATION.domain_fingerprint)
    with pytest.raises(SpecError):
        Invitation.from_body({**body, "more": 1}, INVITATION.domain_fingerprint)


def test_secrets_are_fresh_and_not_shown():
    other = mint()

    assert {INVITATION.secret, INVITATION.ticket, INVITATION.id}.isdisjoint(
        {other.secret, other.ticket, other.id}
    )
    assert INVITATION.secret not in repr(INVITATION)
    assert INVITATION.ticket not in repr(INVITATION)
