"""What can be wrong with the answers of a Prometheus: the words that rigs.lying_prometheus knows."""

ANSWERS = [
    "500",
    "400",
    "503",
    "302",
    "HTML",
    "truncated JSON",
    "nothing",
    "empty result",
    "scalar",
    "string",
    "matrix",
    "huge",
    "warnings",
    "NaN",
    "+Inf",
    "-Inf",
    "stale",
    "from the future",
    "a series twice",
    "undated",
    "an error that calls itself success",
    "cut off",
    "reset",
]
SLOW = ["hang", "slow drip"]
