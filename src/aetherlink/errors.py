"""Every error that this product raises on purpose, as one family.

    AetherError
      SettingsError           exit 2   a setting, file or argument is wrong
      UnreachableError        exit 3   something outside could not be reached
        DeadlineError                  it was reached but did not answer in time
        NotSentError                   no connection: the request certainly did not arrive
      AnswerError                      it answered, and the answer cannot be used
        TooLargeError                  it answered with more than is taken
        RejectedError                  it refused the request and said why
      UndeliveredError                 a message was not heard, or nobody knows whether it was
      NotFoundError, ConflictError     what was asked for is not there, or is not so any more
      GoneError                        it was there, and its time is over
      UnauthenticatedError, ForbiddenError
      BadRequestError                  the caller sent something that cannot be used
      ThrottledError                   too many attempts to sign in, or calls; try again later
      OverloadedError                  a bound is reached; try again
      StoreError                       the store cannot write or read now

The docstring of a class is its message when none is given.
"""

from datetime import timedelta


class AetherError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SettingsError(AetherError):
    """A setting is wrong."""

    exit_code = 2


class UnreachableError(AetherError):
    """It could not be reached."""

    exit_code = 3


class DeadlineError(UnreachableError):
    """It did not answer in time."""


class NotSentError(UnreachableError):
    """It could not be reached: nothing was sent."""


class AnswerError(AetherError):
    """It answered with something that cannot be used."""


class TooLargeError(AnswerError):
    """It answered with more than is taken."""


class RejectedError(AnswerError):
    """It refused the request.

    `status` is the HTTP status it answered with, `kind` its own name for the error (may be empty), `retry_after` its
    header of that name.
    """

    def __init__(self, message: str, *, status: int, kind: str = "", retry_after: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.retry_after = retry_after


class UndeliveredError(AetherError):
    """It could not be told.

    `failure` is a word of model.deliveries.Failure. `is_unsure`: it may have been heard all the same. `wait` is for how
    many seconds the other side wants to be left alone, where it said so.
    """

    def __init__(self, message: str, *, failure: str, is_unsure: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.failure = failure
        self.is_unsure = is_unsure
        self.wait = wait


class NotFoundError(AetherError):
    """There is no such thing."""


class ConflictError(AetherError):
    """It is not in the state that the request assumed."""


class GoneError(AetherError):
    """Its time is over."""


class UnauthenticatedError(AetherError):
    """The request carries no valid token: send `Authorization: Bearer TOKEN`."""


class ForbiddenError(AetherError):
    """The caller may not do this."""


class BadRequestError(AetherError):
    """The request cannot be understood."""


class ThrottledError(AetherError):
    """Too many of something, in words. `wait` is how long until the next one is looked at."""

    def __init__(self, wait: timedelta, many: str = "attempts to sign in") -> None:
        super().__init__(f"too many {many}: try again in {wait.total_seconds():.0f} seconds")
        self.wait = wait


class OverloadedError(AetherError):
    """Too much is waiting already: try again."""


class StoreError(AetherError):
    """The store cannot be used right now."""


class UnfitError(StoreError):
    """The store is well, but this cannot be stored: trying again does not help."""
