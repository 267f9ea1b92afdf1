"""The process that looks at the log on a beat and acts: guards, monitors, rollback."""
