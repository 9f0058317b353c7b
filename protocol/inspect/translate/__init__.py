"""Pure functions between this API's messages and what the gateway speaks of."""
