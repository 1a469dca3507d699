"""The features once more, in SQL: a second language, written from their definitions alone."""
