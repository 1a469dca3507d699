"""A server at work: which requests are let in, which models it serves, and what it tells of itself."""
