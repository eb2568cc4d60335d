"""The reduction engine: from raw frames to products, without a database."""
