"""The networks of MERITS-L and their incremental form. No I/O beyond loading a bundle."""
