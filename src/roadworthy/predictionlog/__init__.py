"""Every prediction and every outcome: recorded once, rolled into Parquet, read as one table."""
