"""Publishes events to an MQTT broker."""
