"""Deciding: one pure function and its rules. No I/O, no clock, no state of its own."""
