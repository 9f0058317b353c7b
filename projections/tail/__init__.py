"""Following events as they are appended, from any revision."""
