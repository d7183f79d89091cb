"""Those who watch all streams, by the web page."""
