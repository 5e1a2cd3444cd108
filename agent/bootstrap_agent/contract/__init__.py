"""What the agent and the CLI must agree on, once: paths, units, forms of files and answers, `.env`. Pure."""
