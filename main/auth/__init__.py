"""Who is asking: accounts, logins, tokens, and the rules of Host and Origin."""
