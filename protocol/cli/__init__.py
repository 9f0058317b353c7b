"""The terminal client, and the command that starts the server."""
