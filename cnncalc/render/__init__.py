"""Reports and problems -> text: tables, JSON, CSV, Markdown, messages."""
