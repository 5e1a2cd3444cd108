-- Runs on an empty data folder, and again at every start ("reconcile"): a kept volume then agrees with new passwords.
-- Passwords come from the container's environment; a statement that fails is not logged, as it may hold one.
SET log_min_error_statement = panic;

\getenv admin POSTGRES_USER
\getenv password POSTGRES_PASSWORD
ALTER ROLE :"admin" PASSWORD :'password';

-- Nobody opens a database that is not theirs.
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
