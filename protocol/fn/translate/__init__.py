"""What this API says, as pure functions: calls, keys, headers, outcomes, and the order of messages."""
