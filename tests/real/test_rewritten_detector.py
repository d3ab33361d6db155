"""A real detector from elsewhere is the same model after it was written again.

Skipped where DARKROOM_REAL is not: nothing of it is part of this project.
"""

import pytest
from ai_edge_litert import schema_py_generated as schema

from darkroom.config import real_material
from darkroom.runtime.container_marks import why_container_in
from darkroom.runtime.picture_likeness import why_picture
from darkroom.runtime.tflite import rewrite
from tests.runtime import tflite_models as models


FOLDER = real_material()
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(FOLDER is None, reason="DARKROOM_REAL names no folder with the detector"),
]
KINDS = ("dynamic_range_quantize", "float16_quantize", "int8_quantize", "only_int8_quantize")


@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_the_same_bits(kind: str) -> None:
    assert FOLDER is not None
    data = (FOLDER / "yolox_nano" / f"yolox_nano_{kind}.tflite").read_bytes()
    written = rewrite(schema, data)

    assert models.computed(written.data, times=1, highest=255.0) == (
        models.computed(data, times=1, highest=255.0)
    )
    assert rewrite(schema, written.data).data == written.data
    assert not any(why_picture(a) or why_container_in(a) for a in written.constants)
