"""Charts of a model's life as Vega-Lite specifications; they take plain rows and know no store."""
