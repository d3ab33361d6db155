"""The data owner's own process, with keys that the domain never sees."""

from darkroom.owner.desk import Desk, Shown
from darkroom.owner.rules import Rules


__all__ = ["Desk", "Rules", "Shown"]
