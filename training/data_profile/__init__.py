"""What past cases look like by outcome, as figures and as a page; never a value of a single case."""
