"""GraphQL: another door to what REST does."""
