"""Random use under random breaks, by seed; afterwards nothing may be lost, doubled or out of order."""
