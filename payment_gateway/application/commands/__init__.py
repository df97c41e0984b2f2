"""One use case a file: intent first, then the provider, then its outcome."""
