"""Settings, database, errors, logging, metrics, clock, ids, files: what every room stands on; no product words."""
