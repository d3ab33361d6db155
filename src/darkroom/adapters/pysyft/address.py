"""PySyft knows people and datasites by e-mail address; Darkroom knows them by name."""

from darkroom.errors import SpecError
from darkroom.model.identity import require_name


PLACE = "@darkroom"  # no mail goes there: PySyft only wants an `@` in the name of a folder


def address_of(name: str) -> str:
    """The address under which PySyft knows an identity: `north` is `north@darkroom`."""
    return name if "@" in require_name(name, "identity") else name + PLACE


def name_of(address: str) -> str:
    """The identity behind an address; `address_of` gives the address back.

    Raises:
        SpecError: no identity can have that address.
    """
    name = address.removesuffix(PLACE) if isinstance(address, str) else address
    if address_of(require_name(name, "address")) != address:
        raise SpecError(
            f"address {ascii(address)[:80]} is nobody's", next_step=f"write it as name{PLACE}"
        )
    return name
