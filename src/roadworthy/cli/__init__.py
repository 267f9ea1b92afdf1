"""The command line: parses, calls one job, prints. Decides nothing."""
