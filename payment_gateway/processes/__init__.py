"""The kinds of process there are; each imports what it needs alone, so that it starts the sooner."""
