"""Decisions about traffic as pure functions. Acting on them happens in jobs."""
