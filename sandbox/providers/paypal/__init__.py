"""A simulator of PayPal: OAuth 2, Orders v2, Payments v2 and the payer's checkout page."""
