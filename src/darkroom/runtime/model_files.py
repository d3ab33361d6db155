"""Model files that hold numbers only: TFLite, and archives of numpy arrays.

Sizes are checked before anything is allocated; nothing is unpickled; only what was written
again goes on, and it has no field left in which a message could travel beside the numbers.
The numbers themselves stay open; those that look like a picture are refused.
"""

import io
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from darkroom.errors import OutputError


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TFLITE = b"TFL3"
SMALLEST_TFLITE = 16
_IDENTIFIED = 8  # bytes of root offset and identifier
MAX_ARRAYS = 4096
MAX_DIMENSIONS = 8
ARRAY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/\-]{0,199}")
# Kind -> bytes of one number, every bit of which is part of it: the widest floats have padding.
SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,)}
PICTURE_SIDE = 8
_EPOCH = (1980, 1, 1, 0, 0, 0)


class UncheckedModelError(OutputError):
    """This environment cannot read such a model, so it does not leave."""


def _bad(name: str, what: str, step: str) -> OutputError:
    return OutputError(f"output {name}: {what}", next_step=step)


def _npy() -> Any:  # noqa: ANN401 - a module of numpy without types
    from numpy.lib import format as npy

    return npy


def check_tflite(name: str, data: bytes) -> None:
    """The file says that it is TFLite, and its root lies within it.

    Raises:
        OutputError: otherwise.
    """
    root = int.from_bytes(data[:4], "little")
    if (
        len(data) < SMALLEST_TFLITE
        or data[4:8] != TFLITE
        or not _IDENTIFIED <= root < len(data) - 4
    ):
        raise _bad(name, "is not a TFLite file", "export it with the TFLite converter")


def rewrite_tflite(name: str, data: bytes) -> bytes:
    """Read a TFLite file and write it again, canonically.

    Args:
        name: of the output, for errors.
        data: the file; hostile.

    Raises:
        OutputError: it is no such file, holds what may not leave, or this environment has
            no schema to read it with.
    """
    from darkroom.runtime.tflite import RefusedModelError, rewrite

    check_tflite(name, data)
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as error:
        raise UncheckedModelError(
            f"output {name}: this environment has no schema to check a TFLite model with",
            next_step="use the environment litert or tensorflow",
        ) from error
    try:
        rewritten = rewrite(schema, data)
    except RefusedModelError as error:
        what = error.what + (f": {error.detail}" if error.detail else "")
        raise _bad(name, what, "export it with built-in operators and plain tensors") from error
    _look(name, rewritten.constants)
    return rewritten.data


def _look(name: str, arrays: "Iterable[NDArray[Any]]") -> None:
    """Refuse what looks like a picture."""
    from darkroom.runtime.container_marks import why_container_in
    from darkroom.runtime.picture_likeness import why_picture

    for array in arrays:
        why = why_container_in(array) or why_picture(array)
        if why:
            raise _bad(name, f"has an array that {why}", "return trained weights only")


def pack_arrays(name: str, arrays: Mapping[str, Any]) -> bytes:
    """Arrays as canonical archive.

    Raises:
        OutputError: an array is not numbers, or not finite.
    """
    import numpy as np

    return _write({_array_name(name, n): _checked(name, np.asarray(a)) for n, a in arrays.items()})


def repack_arrays(name: str, data: bytes, *, most: int) -> bytes:
    """Read an archive of arrays and write it again, canonically.

    Args:
        name: of the output, for errors.
        data: the archive; hostile.
        most: bytes of all arrays together.

    Raises:
        OutputError: it is not such an archive, or too large.
    """
    import zipfile

    step = "save it with numpy.savez(path, **arrays)"
    arrays: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            sizes = sum(m.file_size for m in members)
            if len(members) > MAX_ARRAYS or sizes > most + 256 * len(members):
                raise _bad(name, "holds more than was declared", "declare max_bytes")
            for member in members:
                inner = _array_name(name, member.filename.removesuffix(".npy"))
                if inner in arrays:
                    raise _bad(name, "has two arrays of one name", step)
                with archive.open(member) as file:
                    content = file.read(member.file_size + 1)
                _check_header(name, content)
                array = _npy().read_array(io.BytesIO(content), allow_pickle=False)
                arrays[inner] = _checked(name, array)
    except OutputError:
        raise
    except Exception as error:  # zipfile and numpy raise what they find on the way
        raise _bad(name, "is not an archive of arrays", step) from error
    _look(name, arrays.values())
    return _write(arrays)


def _check_header(name: str, content: bytes) -> None:
    """The shape that the header claims is the shape that the bytes can fill."""
    npy = _npy()
    stream = io.BytesIO(content)
    old = npy.read_magic(stream) == (1, 0)
    read = npy.read_array_header_1_0 if old else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    count = 1
    for side in shape:
        count *= side
    if (
        len(shape) > MAX_DIMENSIONS
        or not _is_plain(dtype)
        or count < 0
        or count * dtype.itemsize != len(content) - stream.tell()
    ):
        raise _bad(name, "has an array that is not plain numbers", "save float arrays")


def _array_name(name: str, inner: object) -> str:
    if not isinstance(inner, str) or not ARRAY_NAME.fullmatch(inner) or ".." in inner:
        raise _bad(name, "has an array with an odd name", "use letters, digits, _ . : / -")
    return inner


def _is_plain(dtype: "np.dtype[Any]") -> bool:
    return dtype.itemsize in SIZES.get(dtype.kind, ())


def _checked(name: str, array: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    if not _is_plain(array.dtype) or array.ndim > MAX_DIMENSIONS:
        raise _bad(name, "has an array that is not plain numbers", "save float arrays")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _bad(name, "has NaN or infinity in an array", "check the training")
    if array.dtype.kind == "b" and (np.ascontiguousarray(array).view(np.uint8) > 1).any():
        # Any byte but 0 counts as true, so 255 different ones would.
        raise _bad(name, "has bytes that are neither true nor false", "save array != 0")
    sides = sum(side >= PICTURE_SIDE for side in array.shape)
    if array.dtype.itemsize == 1 and sides > 1:
        raise _bad(name, "has an 8-bit array with rows and columns", "save float arrays")
    return array


def _write(arrays: "dict[str, NDArray[np.generic]]") -> bytes:
    """Stored, sorted, little-endian, C order, fixed dates: equal arrays, equal bytes."""
    import zipfile

    import numpy as np

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for inner in sorted(arrays):
            array = arrays[inner]
            plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            content = io.BytesIO()
            _npy().write_array(
                content, plain.reshape(array.shape), version=(1, 0), allow_pickle=False
            )
            member = zipfile.ZipInfo(f"{inner}.npy", date_time=_EPOCH)
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content.getvalue())
    return target.getvalue()
