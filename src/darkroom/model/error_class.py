"""The words for how a job ended: a closed list, because the job chooses which is said.

With the six limits these are 32 endings, so a job that ends badly tells five bits. The log
has the rest, which is an output like any other. Pure.
"""

import builtins

from darkroom import errors


UNKNOWN = "Exception"
SIGNAL = "Signal"

ERROR_CLASSES = (
    # Python's own; a built-in class that is not here is told as the one that it extends
    UNKNOWN,
    "AssertionError",
    "AttributeError",
    "FileNotFoundError",
    "ImportError",
    "IndexError",
    "KeyError",
    "NameError",
    "OSError",
    "RuntimeError",
    "SyntaxError",
    "SystemExit",
    "TypeError",
    "ValueError",
    "ZeroDivisionError",
    # ours
    "DataError",
    "InputError",
    "NoAnnotationsError",
    "OutputError",
    # of what a job left: links and devices; odd names; too much
    "OutputLinkError",
    "OutputNameError",
    "OutputSizeError",
    # signals
    "SIGABRT",
    "SIGSEGV",
    "SIGSYS",
    SIGNAL,
)
LIMITS = ("wall clock", "memory", "CPU time", "processes", "disk", "open files")


def error_class(name: str) -> str:
    """The word for an ending.

    Args:
        name: of an exception class or a signal, as hostile code gave it.
    """
    if name in ERROR_CLASSES:
        return name
    known = vars(errors).get(name, vars(builtins).get(name))
    if isinstance(known, type):
        for base in known.__mro__:
            if base.__name__ in ERROR_CLASSES:
                return base.__name__
    return UNKNOWN
