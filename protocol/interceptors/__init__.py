"""What stands between the wire and every servicer."""
