"""Drawing labelled receipts and invoices of invented firms, for anybody's tests."""
