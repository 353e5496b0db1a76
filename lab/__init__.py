"""Suites that try the package harder and longer than its tests do; see each one's own docstring for how to run it."""
