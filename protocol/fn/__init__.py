"""Fn's runner protocol."""
