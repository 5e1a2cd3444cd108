-- One database and one role for each service, which can open no other. A new service adds four lines and its password
-- to the environment of `db`.
SET log_min_error_statement = panic;

\set role auth_service
\set database auth_db
\getenv password AUTH_DB_PASSWORD
\ir app/role-and-database.sql

\set role ticket_service
\set database ticket_db
\getenv password TICKET_DB_PASSWORD
\ir app/role-and-database.sql

\set role workflow_api
\set database workflow_db
\getenv password WORKFLOW_DB_PASSWORD
\ir app/role-and-database.sql

\set role messaging_service
\set database messaging_db
\getenv password MESSAGING_DB_PASSWORD
\ir app/role-and-database.sql

\set role notification_service
\set database notification_db
\getenv password NOTIFICATION_DB_PASSWORD
\ir app/role-and-database.sql

-- Extensions of the databases. A service whose role owns its database may create trusted ones too, and its migration
-- does, for databases that were restored from before.
\connect ticket_db
CREATE EXTENSION IF NOT EXISTS pg_trgm;
\connect postgres
