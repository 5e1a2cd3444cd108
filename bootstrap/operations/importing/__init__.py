"""`bootstrap import`: what another host had, onto a deployment that has nothing yet."""
