"""Objects at the notebook do not know how they look; they ask the display they were given."""

from typing import Any, Protocol


class Renderer(Protocol):
    """Turns an object of the SDK into HTML or plain text."""

    def html(self, item: Any) -> str:  # noqa: ANN401  # any object of the SDK
        """HTML with everything foreign escaped."""
        ...

    def text(self, item: Any) -> str:  # noqa: ANN401
        """Plain text with control characters made visible."""
        ...


class Shown:
    """Base of what a person sees when it is the last line of a cell."""

    _renderer: Renderer

    def __repr__(self) -> str:
        return self._renderer.text(self)

    def _repr_html_(self) -> str:
        return self._renderer.html(self)
