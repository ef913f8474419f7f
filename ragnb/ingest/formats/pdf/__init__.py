"""PDF: words with their places become lines, columns, paragraphs, headings and tables."""
