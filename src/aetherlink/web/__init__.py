"""What every door over HTTP stands on: who is let in, bounds, errors in words, pages of lists, the server itself."""
