"""The commands, one per module; `offline_train.app` combines them."""
