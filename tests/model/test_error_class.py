"""The words for an ending are few, whoever chooses the name."""

import builtins

from hypothesis import given
from hypothesis import strategies as st

from darkroom import errors
from darkroom.model.error_class import ERROR_CLASSES, LIMITS, error_class


NAMES = [*vars(builtins), *vars(errors)]


@given(st.text() | st.sampled_from(NAMES))
def test_every_name_becomes_a_word_of_the_list_and_stays_it(name: str) -> None:
    word = error_class(name)

    assert word in ERROR_CLASSES
    assert error_class(word) == word


def test_a_class_is_told_as_the_nearest_that_it_extends() -> None:
    assert error_class("UnicodeDecodeError") == "ValueError"
    assert error_class("PermissionError") == "OSError"
    assert error_class("SpecError") == "InputError"
    assert error_class("KeyboardInterrupt") == error_class("Flag0110") == "Exception"


def test_the_list_names_classes_that_exist() -> None:
    known = vars(builtins) | vars(errors)
    ours = {name for name in ERROR_CLASSES if name not in known}

    assert ours == {
        *("OutputLinkError", "OutputNameError", "OutputSizeError"),
        *("SIGABRT", "SIGSEGV", "SIGSYS", "Signal"),
    }
    assert len({*ERROR_CLASSES, *LIMITS}) == 32
