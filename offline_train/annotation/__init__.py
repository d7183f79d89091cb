"""Who says what a text shows: an LLM, a lexicon, a bundle of our own, or the corpus' own people."""
