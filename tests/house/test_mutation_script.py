"""The script that changes the code that decides has something to change, and finds the tests that are to notice."""

import subprocess
import sys
from pathlib import Path


def test_every_part_has_changes_and_tests_that_can_be_imported(root: Path) -> None:
    counted = subprocess.run(
        [sys.executable, root / "scripts/mutation.py", "--count"], capture_output=True, text=True, check=False
    )

    assert counted.returncode == 0, counted.stderr
    counts = {part: int(words.split()[0]) for part, words in (line.split(": ") for line in counted.stdout.splitlines())}
    assert len(counts) > 10
    assert min(counts.values()) > 0
