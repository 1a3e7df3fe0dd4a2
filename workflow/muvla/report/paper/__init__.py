"""The report of all tables and findings as one document: a page, LaTeX source and a PDF."""
