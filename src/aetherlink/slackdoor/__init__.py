"""The door for people in Slack: what they say with the buttons of a message becomes the commands of API and CLI."""
