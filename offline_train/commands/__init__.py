"""One command a file; `offline_train.app` puts them together."""
