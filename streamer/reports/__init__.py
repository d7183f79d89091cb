"""Sessions in other programs' formats, and as a page to read: `merits export`."""
