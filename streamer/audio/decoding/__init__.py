"""Recordings of any format, decoded with FFmpeg."""
