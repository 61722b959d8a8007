"""Results that people bring: fields of a form and rows of a table, as quality records."""
