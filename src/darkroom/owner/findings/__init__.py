"""What deserves a look in submitted code: hints for a reviewer, found without running it.

Hints, not walls: the sandbox holds whatever is found or missed here. `child` runs in a
process of its own, so this package imports the standard library and itself, nothing else.
"""
