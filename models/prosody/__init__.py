"""Eight measures of how a turn was spoken: level, pitch, pace and harmonicity; for training and live."""
