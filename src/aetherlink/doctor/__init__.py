"""Looks an installation over, beside the agent: every part that it rests on, each finding with what to do about it."""
