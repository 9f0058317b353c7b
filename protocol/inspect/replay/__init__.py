"""Folding a whole journal with today's code, offline, and holding it to its rules."""
