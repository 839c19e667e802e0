"""Voice: one file for each way to tell somebody."""
