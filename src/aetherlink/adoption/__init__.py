"""Adopting a stack that is there: what it has, what the agent could do for its rules, what to add to its files."""
