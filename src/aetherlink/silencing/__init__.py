"""Silences in Alertmanager for the time of an action: nobody is called for what is being repaired."""
