"""How the outside world reaches the use cases: parse, call one, render."""
