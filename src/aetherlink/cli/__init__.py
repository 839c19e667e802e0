"""The command line: parses, calls the app or a running agent over HTTP, prints, exits. It decides nothing."""

from aetherlink.cli.entry import main

__all__ = ["main"]
