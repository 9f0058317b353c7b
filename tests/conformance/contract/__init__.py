"""The wire contract: what clients of the five APIs were built against."""
