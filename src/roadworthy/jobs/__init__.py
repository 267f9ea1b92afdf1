"""One file, one job, one command: the only place where siblings meet."""
