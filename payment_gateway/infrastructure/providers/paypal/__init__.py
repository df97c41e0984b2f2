"""PayPal: REST, Orders v2 and Payments v2."""
