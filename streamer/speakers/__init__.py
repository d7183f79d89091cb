"""Who speaks: local segmentation, voice prints and online clustering of one channel."""
