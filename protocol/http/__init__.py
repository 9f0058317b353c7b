"""What is spoken over HTTP: health, metrics, files of runs."""
