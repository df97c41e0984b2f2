"""What the product is for, done by an outsider over plain HTTP, and proved."""
