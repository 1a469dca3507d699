"""The store: canonical records, append-only under both clocks, and the receipts of scores.

Nothing outside of this package talks to a database. `Store` is the door.
"""
