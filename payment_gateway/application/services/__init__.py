"""Application objects that hold a port."""
