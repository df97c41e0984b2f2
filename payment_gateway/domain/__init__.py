"""What a payment is and what may happen to it; standard library only."""
