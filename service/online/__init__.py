"""What happens between a request and its answer in the online door, beside the scorer itself."""
