"""Events in, commands out: what goes on by itself."""
