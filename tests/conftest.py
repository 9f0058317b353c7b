"""How hypothesis runs here: laws are about what is true, never about how long it takes.

1. No example has a deadline, and slow generation is no failure: machines are shared and busy.
2. A failure prints what reproduces it.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")
