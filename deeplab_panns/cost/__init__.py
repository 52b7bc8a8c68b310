"""What an experiment would take on machines that are not here, from operations and bytes."""
