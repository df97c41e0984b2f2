"""What the gateway does: use cases over ports, no transport and no library of one."""
