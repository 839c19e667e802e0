"""What became of an action, in words that a sentence may go on with: every door says the same."""

from aetherlink.model.actions import OutcomeStatus, Verdict
from aetherlink.model.decisions import Effect

REFUSED = {
    Effect.OBSERVE: "would have been done",
    Effect.DENY: "not allowed",
    Effect.NEEDS_APPROVAL: "not approved",
    Effect.ALLOW: "not carried out",
}
"""An action that was not done, by what was decided."""
ENDED = {
    OutcomeStatus.DONE: "done",
    OutcomeStatus.NOT_NEEDED: "not needed",
    OutcomeStatus.FAILED: "failed",
    OutcomeStatus.UNKNOWN: "nobody can tell whether it was done",
    OutcomeStatus.NOT_DONE: "not done",
}
"""What came of its wish."""
VERDICTS = {
    Verdict.RECOVERED: "it helped",
    Verdict.NOT_RECOVERED: "it did not help",
    Verdict.CANNOT_TELL: "nobody can tell whether it helped",
}
"""Whether it helped."""
