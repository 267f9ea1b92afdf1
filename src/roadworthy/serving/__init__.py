"""The worker process that answers predictions. Knows no database."""
