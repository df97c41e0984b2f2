"""Persistent subscriptions: groups of consumers for whom the server remembers how far they are.

Source: EventStoreDB documentation, "Persistent subscriptions".
"""
