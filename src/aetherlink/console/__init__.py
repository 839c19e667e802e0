"""Pages for people, written on the server from what the API reads: plain HTML, one style sheet, no script."""
