"""The rules themselves, by what they look at. ``probe.lint.table`` lists them."""
