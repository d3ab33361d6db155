"""PySyft knows people and datasites by e-mail address; Darkroom knows them by name."""

from darkroom.errors import SpecError
from darkroom.model.identity import require_name


PLACE = "@darkroom"  # no mail goes there: PySyft only wants an `@` in the name of a folder


def address_of(name: str) -> str:
    """The address under which PySyft knows an identity: `north` is `north@darkroom`.

    Raises:
        SpecError: no identity has that name, or it is spelled like the address of another.
    """
    if require_name(name, "identity").endswith(PLACE):
        raise SpecError(
            f"{name} has the address of {ascii(name.removesuffix(PLACE))[:80]}",
            next_step=f"enrol under a name that does not end in {PLACE}",
        )
    return name if "@" in name else name + PLACE


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
