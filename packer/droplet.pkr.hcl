# The droplet's image: Ubuntu 22.04 with Docker, every container image of the stack and the agent.
#
# One template for Packer 1.6.6 (Debian's and Ubuntu's own, the builder compiled in) and for the current one, which
# is given current/plugins.pkr.hcl as well. `bootstrap image build` runs both; secrets come as PKR_VAR_… only.

variable "token" {
  type      = string
  sensitive = true
}

variable "api_url" {
  type    = string
  default = "https://api.digitalocean.com"
}

variable "region" {
  type    = string
  default = "nyc3"
}

# Its disk is the smallest that a droplet of the image may have.
variable "size" {
  type    = string
  default = "s-2vcpu-2gb"
}

# The provider's, or the id of a base that was prepared with the first of the steps.
variable "base_image" {
  type    = string
  default = "ubuntu-22-04-x64"
}

# Which of scripts/, in this order: `bootstrap image build` prepares a base with some of them and bakes from it with
# the others. 30-hardening.sh is none of a base's: Packer logs in to it as root.
variable "steps" {
  type = list(string)
  default = [
    "05-settle", "10-base", "20-docker", "25-agent", "30-hardening", "40-images", "60-release", "90-clean",
  ]
}

variable "snapshot_name" {
  type = string
}

# Whose build this is: the next one on the same computer deletes what a killed one left.
variable "tags" {
  type    = list(string)
  default = ["bootstrap-packer"]
}

# A tar archive: files/ (this folder's), stack/, wheel/
variable "inputs" {
  type = string
}

variable "stack_name" {
  type = string
}

variable "stack_dir" {
  type = string
}

# Names below the stack's folder, with `:` between, as Compose's own COMPOSE_FILE has it.
variable "compose_file" {
  type    = string
  default = "docker-compose.prod.yml"
}

variable "git_commit" {
  type    = string
  default = "unknown"
}

variable "git_dirty" {
  type    = string
  default = "false"
}

# Used during the build only; empty means Docker Hub itself.
variable "registry_mirror" {
  type    = string
  default = ""
}

# A file: {"host", "user", "password"} of a registry to log in to, or nothing. It goes into the droplet's memory.
variable "registry_login" {
  type    = string
  default = "/dev/null"
}

# Given to Packer 1.6.6 beside the RSA key that it makes itself: Ubuntu 22.04's signs with SHA-1 only, which the
# droplet's OpenSSH refuses. Empty: Packer's own key will do.
variable "ssh_private_key_file" {
  type    = string
  default = ""
}

variable "ssh_public_key" {
  type    = string
  default = ""
}

source "digitalocean" "droplet" {
  api_url       = var.api_url
  api_token     = var.token
  region        = var.region
  size          = var.size
  image         = var.base_image
  droplet_name  = replace("packer-${var.snapshot_name}", "_", "-")
  snapshot_name = var.snapshot_name
  tags          = var.tags
  ssh_username  = "root"

  ssh_private_key_file = var.ssh_private_key_file
  user_data            = var.ssh_public_key == "" ? "" : "#cloud-config\nssh_authorized_keys: ['${var.ssh_public_key}']\n"

  ssh_timeout   = "10m"
  state_timeout = "15m"
}

build {
  sources = ["source.digitalocean.droplet"]

  provisioner "file" {
    source      = var.inputs
    destination = "/var/tmp/bootstrap-build.tar"
  }

  provisioner "file" {
    source      = var.registry_login
    destination = "/run/bootstrap-registry.json"
  }

  provisioner "shell" {
    inline = [
      "set -eu",
      "install -d -m 0700 /var/lib/bootstrap-build",
      "tar -C /var/lib/bootstrap-build --no-same-owner -xf /var/tmp/bootstrap-build.tar",
      "rm /var/tmp/bootstrap-build.tar",
    ]
  }

  provisioner "shell" {
    environment_vars = [
      "RELEASE_NAME=${var.snapshot_name}",
      "STACK_NAME=${var.stack_name}",
      "STACK_DIR=${var.stack_dir}",
      "STACK_COMPOSE_FILE=${var.compose_file}",
      "GIT_COMMIT=${var.git_commit}",
      "GIT_DIRTY=${var.git_dirty}",
      "REGISTRY_MIRROR=${var.registry_mirror}",
    ]
    scripts = [for step in var.steps : "${path.root}/scripts/${step}.sh"]
  }
}
