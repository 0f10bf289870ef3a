"""One test for each attack that must fail."""
