"""One certificate for all names of a deployment: obtained, kept, renewed in time, handed to the stack.

Certificates, the account's key and what is known about the next renewal live on the data volume: they move with it from
droplet to droplet."""
