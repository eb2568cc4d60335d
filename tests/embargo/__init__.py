"""What is not public stays unknown: rows planted in every table, asked for on every route."""
