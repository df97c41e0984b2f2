"""Where providers send their notifications."""
