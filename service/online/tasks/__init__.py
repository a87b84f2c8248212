"""Files that are scored because somebody asked over HTTP: taken, queued, scored by a process apart, and told of."""
