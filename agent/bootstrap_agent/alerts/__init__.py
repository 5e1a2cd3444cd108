"""What is wrong on this droplet, and who is told of it: once, then daily, and once more when it is over."""
