"""Peloton spoken to a gateway that is only pretended."""
