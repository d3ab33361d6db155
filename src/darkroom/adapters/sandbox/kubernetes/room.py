"""A cluster that is full says nothing of its walls."""

from darkroom.errors import IsolationError


class NoRoomError(IsolationError):
    """The cluster has no room for a task now: its quota is used up, or no machine takes it."""
