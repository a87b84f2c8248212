"""A use case replayed over months with declared changes, through the service's own functions and decision log."""
