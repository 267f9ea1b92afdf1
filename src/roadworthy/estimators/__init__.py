"""Estimators in registered safe formats: fitted with their own library, loaded without it, never pickled."""
