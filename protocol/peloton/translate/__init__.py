"""Peloton's messages to and from commands and views: pure functions, without gRPC."""
