"""What the gateway tells of itself: metrics and traces."""
