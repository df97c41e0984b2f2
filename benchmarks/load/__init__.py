"""``make load``: a whole installation under load that comes whether it is ready or not."""
