"""Who asks: the scorer, the HTTP API, the command line. Fits nothing."""
