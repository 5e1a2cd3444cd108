#!/bin/bash
# As much of the official image's contract as is needed: an empty folder gets its system tables, accounts and database.
set -euo pipefail
data=/var/lib/mysql
chown mysql:mysql "$data"
if [ ! -d "$data/mysql" ]; then
    mariadb-install-db --user=mysql --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
    install -o mysql -g mysql -m 0600 /dev/null /run/mysqld/first.sql
    cat >/run/mysqld/first.sql <<SQL
ALTER USER root@localhost IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
CREATE USER root@'%' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE DATABASE \`$MARIADB_DATABASE\`;
SQL
    set -- "$@" --init-file=/run/mysqld/first.sql
fi
exec "$@" --user=mysql --datadir="$data"
