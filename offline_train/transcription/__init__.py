"""Speech to words: what `merits-train transcribe` is made of."""
