"""The HTTP API: the seed's routes and /api/v1. It turns requests into commands and stored state into JSON, no more."""
