"""Counterfoil turns receipts and invoices into records, in the table people already use, and never loses one."""
