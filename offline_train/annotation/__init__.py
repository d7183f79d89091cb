"""Annotators that label texts: LLMs, a lexicon, trained bundles and runs, or a corpus' human labels."""
