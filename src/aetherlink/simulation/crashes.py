"""When the agent dies: at a commit, before or after it took, at a call to the outside, or while it waits."""

from dataclasses import dataclass


class CrashError(BaseException):
    """The process is gone. No code of the agent catches it, nor anything that it does after."""


@dataclass(slots=True)
class Mortality:
    """Of one process. `left` counts the places that it still comes through alive; None: it is not about to die."""

    is_dead: bool = False
    left: int | None = None

    def pass_by(self) -> None:
        """A place at which it may die, and at which nothing dead comes by. Raises CrashError."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.is_dead = True
        if self.is_dead:
            raise CrashError
