"""The report: the answer with its pictures, as one HTML file that opens offline, or as Markdown."""
