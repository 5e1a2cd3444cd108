# Read by Packer 1.7 and later only: 1.6.6 has the builder compiled in and does not know this block.
packer {
  required_plugins {
    digitalocean = {
      source  = "github.com/digitalocean/digitalocean"
      version = ">= 1.4.1, < 2.0.0"
    }
  }
}
