"""Connections and the messages on them, with limits that hold before a client is authenticated."""
