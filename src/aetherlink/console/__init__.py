"""Pages for people, written on the server: plain HTML and forms, made live by scripts that come from here too."""
