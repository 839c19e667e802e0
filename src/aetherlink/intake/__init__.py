"""Intake: the hot path from Alertmanager's webhook to the store. Bare ASGI, in front of the FastAPI app."""
