"""Exit codes, and the error for what only the command line can have wrong."""

DONE = 0
FAILED = 1
USAGE = 2
INVALID = 3
BUG = 70
INTERRUPTED = 130


class UsageError(Exception):
    """The arguments do not fit together, or not the repository; the message says what would."""


class Refused(Exception):
    """What was asked would break a promise that was asked for as well; the message says which, and the way out."""
