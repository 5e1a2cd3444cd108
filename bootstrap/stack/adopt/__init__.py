"""`bootstrap stack adopt`: what a droplet needs beyond somebody's own Compose files, written beside them."""
