#!/bin/bash
# Ends once nobody is being answered, for a machine that is being replaced: new visitors wait already. Workers that are
# replaced say good-bye to idle connections, and to the others with their next answer.
set -eu

answering() {
  exec 3<>/dev/tcp/127.0.0.1/8081
  printf 'GET /nginx-answering HTTP/1.0\r\n\r\n' >&3
  tail -n 1 <&3
}

nginx -s reload
quiet=0
# twice in a row, as a request may just be between two of them; this one is counted, too
while [ "$quiet" -lt 2 ]; do
  sleep 0.1
  if [ "$(answering)" -le 1 ]; then quiet=$((quiet + 1)); else quiet=0; fi
done
