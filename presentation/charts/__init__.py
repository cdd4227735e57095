"""The charts: one a figure, with their colours, and drawn as SVG and PNG."""
