"""Pages for operations and support, made of what the REST interface answers."""
