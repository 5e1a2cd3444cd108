#!/bin/sh
# /etc/nginx/templates/NAME.template becomes /etc/nginx/conf.d/NAME, with the environment's variables filled in.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
[ -d "$templates" ] || exit 0
# only variables that exist are replaced: nginx's own ($host, $uri) stay
# shellcheck disable=SC2016
defined=$(env | sed -nE "s/^(${NGINX_ENVSUBST_FILTER:-[A-Za-z_][A-Za-z0-9_]*})=.*/\${\1}/p" | tr '\n' ' ')
find "$templates" -follow -type f -name "*$suffix" -print | while read -r template; do
    relative=${template#"$templates/"}
    target=$output/${relative%"$suffix"}
    mkdir -p "$(dirname "$target")"
    envsubst "$defined" <"$template" >"$target"
done
