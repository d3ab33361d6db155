"""The gateway's client: the `Relay` port over HTTPS."""
