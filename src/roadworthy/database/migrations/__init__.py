"""Alembic's place: the environment and, under `versions`, one file a step. A published step never changes."""
