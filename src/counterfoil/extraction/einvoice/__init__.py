"""Invoices that say in XML what they are: UBL, CII, and ZUGFeRD 1, alone or inside a PDF."""
