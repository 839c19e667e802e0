"""What an HTTP status says about a message: whether it was heard, and whether to try again."""

from aetherlink.errors import DeadlineError, NotSentError, UndeliveredError, UnreachableError
from aetherlink.model.deliveries import Failure

_TOO_MANY = 429
_LATER = frozenset({408, 425})
_REDIRECTS = range(300, 400)  # not followed, and no fault of the letter
_NOT_ALLOWED = frozenset({401, 403})
_SERVER = 500
_OK = range(200, 300)


def check(status: int, what: str, *, wait: float | None = None, said: str = "") -> None:
    """Raises UndeliveredError where the status is no success; `what` names the request, `said` quotes the answer."""
    if status not in _OK:
        raise refusal(status, f"{what} answered {status}{f': {said}' if said else ''}", wait=wait)


def refusal(status: int, words: str, *, wait: float | None = None) -> UndeliveredError:
    """What a status that is no success says, in these words."""
    if status == _TOO_MANY:
        return UndeliveredError(words, failure=Failure.RATE_LIMITED, wait=wait)
    if status in _NOT_ALLOWED:
        return UndeliveredError(words, failure=Failure.AUTH)
    if status >= _SERVER or status in _LATER or status in _REDIRECTS:
        return UndeliveredError(words, failure=Failure.SERVER, is_unsure=status >= _SERVER, wait=wait)
    return UndeliveredError(words, failure=Failure.REFUSED)


def undelivered(problem: UnreachableError) -> UndeliveredError:
    """What an exchange that broke off says about a message: it may have been heard, unless nothing was sent."""
    failure = Failure.DEADLINE if isinstance(problem, DeadlineError) else Failure.UNREACHABLE
    return UndeliveredError(str(problem), failure=failure, is_unsure=not isinstance(problem, NotSentError))
