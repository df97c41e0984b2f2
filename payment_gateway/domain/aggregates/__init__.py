"""Commands in, events out: one pair of pure functions an aggregate."""
