"""The providers' notifications: queued durably, signed, sent to merchants on this machine, tried again."""
