"""The scripted model, which the agents' tests stand on."""
