"""Networks that tell who speaks: local segmentation and voice prints."""
