"""What several tests build on: parts of the house put together for a test."""
