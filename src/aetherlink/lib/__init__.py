"""Small parts that know nothing of the domain: time, ids, backoff, logs, redaction."""
