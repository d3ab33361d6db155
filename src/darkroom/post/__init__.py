"""Sealed letters between pinned identities, and how two of them come to know each other."""

from darkroom.post.enrolment import (
    acceptance,
    check_request,
    enrol,
    requested_invitation,
)
from darkroom.post.invitation import Invitation
from darkroom.post.pins import Pins
from darkroom.post.post import Delivery, Introduction, Post


__all__ = [
    "Delivery",
    "Introduction",
    "Invitation",
    "Pins",
    "Post",
    "acceptance",
    "check_request",
    "enrol",
    "requested_invitation",
]
