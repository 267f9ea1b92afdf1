"""The control database: connection, schema, migrations. What its rows mean is the registry's business."""
