"""Who may ask, how much, and what becomes of requests that are too many, malformed, or late: before any route."""
