"""What the machine allows: cores and memory."""
