#!/bin/sh
# Lets one configuration serve before and after there is a certificate. Runs when the container starts, and with the
# argument `reload` after a certificate was installed: `nginx -s reload` alone would keep to the throw-away one.
set -eu

installed=/etc/nginx/ssl
mkdir -p /run/tls

if [ -f "$installed/fullchain.pem" ] && [ -f "$installed/privkey.pem" ]; then
  ln -sf "$installed/fullchain.pem" "$installed/privkey.pem" /run/tls/
elif [ ! -f /run/tls/fullchain.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 -subj "/CN=$DOMAIN" \
    -keyout /run/tls/privkey.pem -out /run/tls/fullchain.pem 2>/dev/null
fi

if [ "${1:-}" = reload ]; then
  nginx -t -q
  nginx -s reload
fi
