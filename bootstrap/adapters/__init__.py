"""What talks to the outside: DigitalOcean, SSH, Spaces, DNS, HTTPS, Packer, git, the terminal. Each is of a port."""
