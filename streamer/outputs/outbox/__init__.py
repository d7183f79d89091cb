"""What waits to be published, on disk: it outlives the broker's absences, and the program."""
