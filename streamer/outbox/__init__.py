"""The outbox: messages that wait on disk to be published, across broker outages and restarts."""
