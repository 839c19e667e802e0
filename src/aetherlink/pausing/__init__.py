"""Pauses that nobody asks for over the API: a file, a variable, and the windows of the settings."""
