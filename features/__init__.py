"""What was known, and when: canonical tables, quality, history, point-in-time features.

Nothing in this package knows a model, HTTP or the time of day: `as_of` is always given.
"""
