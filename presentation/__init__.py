"""What people see of the answer: one content, written by one renderer a format, with its charts."""
