import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.address import is_loopback, normal_address


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://gateway.example.org", "https://gateway.example.org"),
        ("HTTPS://Gateway.Example.org:443/", "https://gateway.example.org"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:8400//", "http://127.0.0.1:8400"),
        ("https://example.org:80/Rooms/a", "https://example.org:80/Rooms/a"),
        ("http://[::1]:8400", "http://[::1]:8400"),
    ],
)
def test_an_address_is_written_one_way(written, normal):
    assert normal_address(written) == normal
    assert normal_address(normal) == normal


@pytest.mark.parametrize(
    "written",
    [
        "", "gateway.example.org", "ftp://example.org", "https://", "https://-a", "https://a b",
        "https://user@example.org", "https://example.org?q=1", "https://example.org/../x?",
        "https://example.org#top", "http://example.org:123456", "https://exämple.org", "\n",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_gateway_is_refused(written):
    with pytest.raises(SpecError) as caught:
        normal_address(written)
    assert "gateway's address" in caught.value.message


@given(st.text(max_size=30))
def test_a_hostile_text_in_the_refusal_shows_as_ascii(text):
    with pytest.raises(SpecError) as caught:
        normal_address("x" + text)
    assert caught.value.message.isascii()


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:8400", True),
        ("http://[::1]", True),
        ("http://localhost", True),
        ("http://127.0.0.1.example.org", False),
        ("https://gateway.example.org", False),
        ("localhost", False),
    ],
)
def test_whether_an_address_stays_on_this_machine(address, here):
    assert is_loopback(address) is here
