"""What a user can mend. The command line turns each of these into one sentence and exit status 1."""


class DigitsError(Exception):
    """A file, a picture, an option or a loss is at fault, and the message says what to do about it."""


class Interrupted(Exception):
    """Training was stopped by a signal and its work saved; the message says where. Exit status 130."""
