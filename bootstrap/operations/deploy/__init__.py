"""`bootstrap deploy`: an image when something changed, and the deployment as image and settings say, in one word."""
