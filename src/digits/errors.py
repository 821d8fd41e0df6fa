"""What a user can mend. The command line turns each of these into one sentence and exit status 1."""


class DigitsError(Exception):
    """A file, a picture, an option or a loss is at fault, and the message says what to do about it."""


NOT_FINITE = "the network's answers are not finite numbers: its training went wrong; train it again."


class Interrupted(Exception):
    """Training was stopped by a signal and its work saved; the message says where. Exit status 130.

    Attributes:
        leave: whether the whole program was asked to end (SIGTERM), not just the training (Ctrl-C).
    """

    def __init__(self, message: str, *, leave: bool = False) -> None:
        super().__init__(message)
        self.leave = leave
