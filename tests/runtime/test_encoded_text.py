"""What people write in a column passes; bytes in letters do not, mostly."""

import base64
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.runtime.encoded_text import looks_encoded


HONEST = {
    "cameras": [f"cam{n}" for n in range(20)],
    "cameras with places": [
        "gate", "dock", "north-entrance", "loading_dock_3", "Kitchen 2", "Büro Ost", "stairs-b1",
        "Fußgängerüberweg", "Porte d'entrée", "Kraków Główny", "İstanbul Sirkeci", "Łódź Fabryczna",
    ],
    "other alphabets": ["正门", "停车场北入口", "サウスゲート", "Ворота 3", "Είσοδος", "한강공원"],
    "times": [f"2026-{m:02d}-{d:02d}T{h:02d}:15:00Z" for m in (1, 12) for d in (1, 9) for h in (0, 13)],
    "short times": [f"2026{m:02d}15T{h:02d}3000Z" for m in range(1, 13) for h in (0, 12, 23)],
    "exact times": [f"2026-11-22 02:31:13.{n:06d}+01:00" for n in range(40)],
    "spans of time": [f"2026-11-22T02:31:13/2026-11-22T02:35:{n:02d}" for n in range(40)],
    "classes": [
        "person", "bicycle", "traffic light", "fire hydrant", "hot dog", "skis", "frisbee", "tv",
        "zebra", "giraffe", "tennis racket", "wine glass", "potted plant", "toothbrush", "xylophone",
    ],
    "joined words": ["PersonWithBicycle", "HeavyGoodsVehicle", "EmergencyVehicleWithLights"],
    "models": ["ResNet50_v1b_int8", "yolox_s_640.int8.tflite", "SSD MobileNet v2 FPNLite 320x320"],
    "products": ["Axis P3245-LVE", "Hikvision DS-2CD2143G2", "Reolink RLC-810A", "10.0.3.17"],
    "abbreviations": ["HVAC", "GPS", "LPR", "CCTV", "NVR", "PTZ", "IR", "UPS"],
    "gates": ["ZRH-T2-G14", "FRA-T1-B22", "LHR-T5-A10", "JFK-T4-C33", "CDG-2E-K41", "AMS-D-57"],
    "short codes": ["A1", "B2", "C3", "D4", "E5", "F6", "G7", "H8", "J9"],
    "sentences": [
        "The queue in front of gate 2 was longest between eight and nine.",
        "Rain on the lens from 14:10 to 15:30, counts are too low.",
        "Zwischen acht und neun Uhr standen elf Lastwagen an der Rampe.",
        "La file devant la porte sud était la plus longue vers huit heures.",
    ],
    "little": ["", "-", "?", "n/a", "0-10 m", ">30 m"],
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_what_people_write_passes(name: str) -> None:
    assert not looks_encoded(HONEST[name])
    assert not any(looks_encoded([text]) for text in HONEST[name])


def _chosen(alphabet: str):
    return lambda chance, count: "".join(chance.choices(alphabet, k=count))


ENCODED = {
    "base64": lambda chance, count: base64.b64encode(chance.randbytes(count)).decode()[:count],
    "base32": lambda chance, count: base64.b32encode(chance.randbytes(count)).decode()[:count],
    "base85": lambda chance, count: base64.b85encode(chance.randbytes(count)).decode()[:count],
    "hex": lambda chance, count: chance.randbytes(count).hex()[:count],
    "letters": _chosen(string.ascii_lowercase),
    "all of ASCII": _chosen(string.ascii_letters + string.digits + string.punctuation),
    "Chinese signs": _chosen("".join(map(chr, range(0x4E00, 0x9FA0)))),
    "Braille": _chosen("".join(map(chr, range(0x2800, 0x2900)))),
    "digits": _chosen(string.digits),
}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("count", [40, 80])
def test_a_column_of_bytes_in_letters_is_seen(name: str, count: int) -> None:
    chance = random.Random(1)
    for _ in range(20):
        assert looks_encoded([ENCODED[name](chance, count) for _ in range(50)])


@pytest.mark.parametrize("name", ["base64", "base32", "base85", "letters", "all of ASCII"])
@pytest.mark.parametrize("count", [4, 8, 16])
def test_a_column_of_short_pieces_is_seen_as_a_whole(name: str, count: int) -> None:
    chance = random.Random(2)
    for _ in range(20):
        assert looks_encoded([ENCODED[name](chance, count) for _ in range(100)])


@pytest.mark.parametrize(
    "text", ["gаte", "Tоr 2", "a" * 41, "ThIs iS ThE CaSe Of A TeXt", "!#%&()*+,-./:;<=>?@"]
)
def test_other_ways_to_hide_something_are_seen(text: str) -> None:
    assert looks_encoded([text])


def test_a_message_in_ordinary_words_is_not_seen() -> None:
    words = [
        "north",
        "south",
        "east",
        "west",
        "door",
        "gate",
        "lamp",
        "tree",
        "road",
        "lane",
        "wall",
        "yard",
        "dock",
        "ramp",
        "hall",
        "shop",
    ]
    chance = random.Random(3)
    assert not looks_encoded([" ".join(chance.choices(words, k=12)) for _ in range(100)])


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_has_an_answer_that_order_and_doubles_do_not_change(texts: list[str]) -> None:
    assert looks_encoded(texts) == looks_encoded([*reversed(texts), *texts])
