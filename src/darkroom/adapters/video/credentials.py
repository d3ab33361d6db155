"""Names and passwords of cameras: one file for each, as a Secret is mounted."""

from pathlib import Path
from urllib.parse import quote

from darkroom.errors import StateError


MOST_BYTES = 1024


def read_credentials(path: Path) -> str:
    """`name:password` in a file, as it stands before the `@` of an address.

    Raises:
        StateError: there is no such file, or nothing of that kind in it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StateError(
            f"the camera credentials {path.name} cannot be read: {why}",
            next_step=f"write name:password into {path}, or add the key to the Secret",
        ) from error
    name, colon, password = text.partition(":")
    if not (name and colon and password) or len(text) > MOST_BYTES or not text.isprintable():
        raise StateError(
            f"the camera credentials {path.name} are not name:password on one line",
            next_step=f"write {path} anew",
        )
    return f"{quote(name, safe='')}:{quote(password, safe='')}"
