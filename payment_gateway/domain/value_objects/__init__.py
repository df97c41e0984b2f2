"""Values that are always valid: born at the edge, travelling in commands and state, never in events."""
