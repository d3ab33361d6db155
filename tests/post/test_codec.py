"""A letter as bytes: what goes in comes out, and nothing else is read."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.errors import EnvelopeError, TooLargeError
from darkroom.model.letter import KINDS, Letter
from darkroom.post import codec


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
segment = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@\-]{0,12}", fullmatch=True)
names = st.lists(segment, min_size=1, max_size=4).map("/".join)
hashes = st.binary(min_size=32, max_size=32).map(lambda b: f"sha256:{b.hex()}")


@st.composite
def letters(draw):
    inline = draw(st.dictionaries(names, st.binary(max_size=50), max_size=3))
    blobs = draw(
        st.dictionaries(
            names.filter(lambda n: n not in inline),
            st.builds(
                codec.BlobReference,
                address=hashes,
                sha256=hashes,
                size=st.integers(0, codec.MAX_ATTACHMENT // 4),
            ),
            max_size=3,
        )
    )
    letter = Letter(
        id=draw(st.binary(min_size=16, max_size=16)).hex(),
        kind=draw(st.sampled_from(sorted(KINDS))),
        sender="alice",
        recipient="north",
        sent_at=draw(st.floats(0, 1e11)),
        body=draw(st.dictionaries(text, values, max_size=4)),
        attachments=inline,
    )
    return letter, blobs


@given(letters())
def test_what_is_written_is_read(case):
    letter, blobs = case

    read = codec.decode_letter(codec.encode_letter(letter, letter.attachments, blobs))

    assert letter == read.letter
    assert blobs == read.blobs


LETTER = Letter(
    id="ab" * 16, kind="job.cancel", sender="alice", recipient="north", sent_at=1.5, body={"a": 1}
)
GOOD = json.loads(codec.encode_letter(LETTER, {}, {}))
REFERENCE = ["sha256:" + "00" * 32, "sha256:" + "11" * 32, 5]


def written(**changes):
    return json.dumps({**GOOD, **changes}).encode()


@pytest.mark.attack
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="not utf-8"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(written()[:-1] + b',"id":"' + b"cd" * 16 + b'"}', id="a field twice"),
        pytest.param(written(body={}).replace(b"{}", b'{"a":1,"a":2}'), id="a body field twice"),
        pytest.param(written().replace(b"1.5", b"NaN"), id="a date that is no number"),
        pytest.param(written().replace(b"1.5", b"1e999"), id="a date without end"),
        pytest.param(written(sent_at=1), id="a whole number for a date"),
        pytest.param(written(body={"a": float("inf")}), id="infinity"),
        pytest.param(written(body={"a": "\ud800"}), id="half a character"),
        pytest.param(written(more=1), id="an unknown field"),
        pytest.param(json.dumps({k: v for k, v in GOOD.items() if k != "v"}).encode(), id="none"),
        pytest.param(written(v=3), id="another version"),
        pytest.param(written(v=True), id="a version that is true"),
        pytest.param(written(id="AB" * 16), id="an id in capitals"),
        pytest.param(written(kind="node.stop"), id="an unknown kind"),
        pytest.param(written(sender="North "), id="a name that is none"),
        pytest.param(written(body=[]), id="a body that is a list"),
        pytest.param(written(body={"a": "x" * codec.MAX_LETTER}), id="too long"),
        pytest.param(written(inline={"../a": ""}), id="a path upwards"),
        pytest.param(written(inline={"/a": ""}), id="an absolute path"),
        pytest.param(written(inline={"a\n": ""}), id="a line in a name"),
        pytest.param(written(inline={"a//b": ""}), id="an empty folder name"),
        pytest.param(written(inline={"a": "!"}), id="not base64"),
        pytest.param(written(inline={"a": "AB=="}), id="base64 in another form"),
        pytest.param(written(inline={"a": 1}), id="not text"),
        pytest.param(written(inline={"a": "é"}), id="not ascii"),
        pytest.param(written(blobs={"a": REFERENCE[:2]}), id="half a reference"),
        pytest.param(written(blobs={"a": [*REFERENCE[:2], -1]}), id="a negative size"),
        pytest.param(written(blobs={"a": [*REFERENCE[:2], True]}), id="a size that is true"),
        pytest.param(written(blobs={"a": [*REFERENCE[:2], 1 << 40]}), id="a terabyte"),
        pytest.param(
            written(blobs={f"a{i}": [*REFERENCE[:2], 60 << 20] for i in range(3)}), id="in sum"
        ),
        pytest.param(written(blobs={"a": ["x", REFERENCE[1], 1]}), id="no address"),
        pytest.param(written(blobs={"a": REFERENCE}, inline={"a": ""}), id="a name twice"),
        pytest.param(written(inline={f"a{i}": "" for i in range(300)}), id="too many"),
    ],
)
def test_anything_else_is_refused(data):
    with pytest.raises(EnvelopeError) as caught:
        codec.decode_letter(data)
    assert caught.value.next_step


@given(st.binary(max_size=300))
def test_noise_is_refused_and_never_crashes(noise):
    with pytest.raises(EnvelopeError):
        codec.decode_letter(noise)


def test_small_files_travel_inside_and_large_ones_beside():
    inline, blobs = codec.split_attachments(
        {"small": b"x" * codec.MAX_INLINE, "large": b"x" * (codec.MAX_INLINE + 1)}
    )

    assert ["small"] == list(inline)
    assert ["large"] == list(blobs)


def test_many_small_files_do_not_make_a_letter_too_large():
    files = {f"f{i}": b"x" * 60_000 for i in range(100)}

    inline, blobs = codec.split_attachments(files)

    assert files == inline | blobs
    size = len(codec.encode_letter(LETTER, inline, {}))
    assert size < codec.MAX_LETTER


@pytest.mark.parametrize(
    "files",
    [
        {f"f{i}": b"" for i in range(codec.MAX_ATTACHMENTS + 1)},
        {"f": bytes(codec.MAX_ATTACHMENT + 1)},
        {f"f{i}": bytes(60 << 20) for i in range(3)},
    ],
    ids=["too many", "one too large", "too large in sum"],
)
def test_more_than_a_letter_carries_is_refused_before_it_is_sent(files):
    with pytest.raises(TooLargeError):
        codec.split_attachments(files)


@pytest.mark.parametrize(
    "body", [{"a": float("nan")}, {"a": {1: 2}}, {"a": b"x"}, {"a": {1, 2}}, {"a": "\ud800"}]
)
def test_a_body_that_is_not_json_is_refused_before_it_is_sent(body):
    letter = Letter(
        id="ab" * 16, kind="job.cancel", sender="a", recipient="b", sent_at=0.0, body=body
    )

    with pytest.raises(EnvelopeError):
        codec.encode_letter(letter, {}, {})


@given(
    st.integers(0, codec.MAX_LETTER + 5000),
    st.dictionaries(names, st.integers(0, 70_000), max_size=6),
    st.sampled_from(sorted(KINDS)),
)
@settings(max_examples=60, deadline=None)
def test_what_fits_can_be_written_and_what_does_not_is_refused(body_bytes, sizes, kind):
    body = {"a": "x" * max(0, body_bytes - len('{"a":""}'))}
    files = {name: bytes(size) for name, size in sizes.items()}
    size = codec.body_size(body)

    if not codec.fits(size, sizes):
        with pytest.raises(TooLargeError):
            codec.split_attachments(files, size)
        return
    inline, blobs = codec.split_attachments(files, size)
    assert inline | blobs == files
    letter = Letter(
        id="ab" * 16, kind=kind, sender="s" * 32, recipient="r" * 32, sent_at=1e10 / 3, body=body
    )
    references = {name: codec.reference_to("sha256:" + "0" * 64, blobs[name]) for name in blobs}
    assert len(codec.encode_letter(letter, inline, references)) <= codec.MAX_LETTER


def test_a_large_body_makes_small_files_travel_as_blobs():
    files = {"small": bytes(60 << 10)}
    assert codec.split_attachments(files, 800 << 10) == (files, {})
    assert codec.split_attachments(files, 900 << 10) == ({}, files)


def test_a_body_that_leaves_no_room_for_the_names_does_not_fit():
    full = {f"f{n}/{'x' * 99}/{'y' * 99}": 1 for n in range(codec.MAX_ATTACHMENTS)}
    assert codec.fits(800 << 10, full)
    assert not codec.fits(900 << 10, full)


def test_a_body_that_is_too_large_says_what_to_do():
    letter = Letter(
        id="ab" * 16,
        kind="job.cancel",
        sender="a",
        recipient="b",
        sent_at=0.0,
        body={"a": base64.b64encode(bytes(codec.MAX_LETTER)).decode()},
    )

    with pytest.raises(TooLargeError) as caught:
        codec.encode_letter(letter, {}, {})
    assert "attachments" in caught.value.next_step
