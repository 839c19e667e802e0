"""Words that people give for the record: why they did something, what is to be remembered."""

from aetherlink.errors import BadRequestError

LONGEST_TEXT = 4000


def checked(text: str) -> str:
    """The text without blanks around it. Raises BadRequestError for nothing, too much, or a NUL."""
    words = text.strip()
    if not words or len(words) > LONGEST_TEXT or "\0" in words:
        raise BadRequestError(f"write 1 to {LONGEST_TEXT} characters (these are {len(words)}), none of them NUL")
    return words
