"""Why an output does not leave: a closed list.

The job chooses which of these is said, so there are few, and nothing is filled in but the
name of the output, which was declared.
"""

MISSING = "is missing, or is no file"
TOO_LARGE = "is larger than its declaration allows"
NOT_AS_DECLARED = "is not what was declared: run the job on mock, where this is told in full"
TOO_WIDE = "is declared wider than the domain lets out"
TEXT = "holds a text that may not leave: declare the labels of its column"
PICTURE = "looks like a picture"
MODEL = "is not a model that may leave"
UNCHECKED = "is a model that this environment cannot check: use litert or tensorflow"
STRANGERS = "files were left that are not declared"

PROBLEMS = (
    MISSING, TOO_LARGE, NOT_AS_DECLARED, TOO_WIDE, TEXT, PICTURE, MODEL, UNCHECKED, STRANGERS
)  # fmt: skip
