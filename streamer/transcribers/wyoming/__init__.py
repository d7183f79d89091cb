"""A remote recogniser that speaks the Wyoming protocol."""
