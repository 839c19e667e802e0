"""The Grafana dashboards as code: how panels look, and which panels each dashboard has.

Run by generate.py, which writes the committed JSON. Talks to no Grafana and reads no settings.
"""
