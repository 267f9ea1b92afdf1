"""Claims about features, one file a module."""
