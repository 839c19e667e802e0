"""One check, one file; doctor/registry.py lists them."""
