"""What can go wrong, named by what must happen next."""


class CounterfoilError(Exception):
    """The root of every error that the product raises on purpose.

    The text is for the person who reads the sync log: plain words, never a token, never a bank row.
    """


class RetryLater(CounterfoilError):
    """The vendor or the network is not ready; the same work may be tried again after `after` seconds.

    `fate_unknown` says that a write may have taken effect although its reply was lost: whoever repeats it
    must look first, or write in a way that is safe to repeat.
    """

    def __init__(self, message: str, *, after: float, fate_unknown: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.fate_unknown = fate_unknown


class ActionRequired(CounterfoilError):
    """A person must act before the connection, destination or table can go on.

    `code` is stable and machine-readable (`item_login_required`, `column_missing`); the message says what is
    wrong and `remedy` what to do, both in words that a person without technical knowledge understands.
    """

    def __init__(self, code: str, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


class RestartFetch(CounterfoilError):
    """The pages read so far no longer fit together: drop them and fetch again from the loop's first cursor."""


class NotOffered(CounterfoilError):
    """The provider does not offer this stream for this connection: skip it and say so, once."""


class BadRequest(CounterfoilError):
    """Something that came from outside is wrong; the message names it and `remedy` says how to mend it."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class NotThere(BadRequest):
    """What was asked for does not exist, or belongs to somebody else: nobody is told which."""


class Forged(BadRequest):
    """A webhook's signature, age or content hash does not hold: refuse it (401) and keep nothing of it."""


class BadSettings(BadRequest):
    """An environment variable, a file or a stored setting cannot be used."""


class CounterfoilWarning(UserWarning):
    """Something works, but worse than it could; the text names the remedy."""
