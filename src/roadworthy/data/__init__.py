"""History: tables with a schema, joins as known at a time, splits, fingerprints."""
