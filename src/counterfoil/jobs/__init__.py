"""The durable engine: work that is a row before it is done; it has never heard of receipts."""
