"""`merits export`: sessions in other programs' formats, and as a report page."""
