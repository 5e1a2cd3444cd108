INSERT INTO accounts_user (id, email, password, first_name, last_name, is_superuser, is_staff, is_active, date_joined)
VALUES (1, 'grace@navy.example', 'secret-hash', 'Grace', 'Hopper', true, true, true, now()),
       (2, 'ada@navy.example', 'secret-hash', 'Ada', 'Hopper', false, false, true, now());
INSERT INTO accounts_appliedsecret (id, email, hashed, user_id) VALUES (1, 'grace@navy.example', 'secret-hash', 1);
INSERT INTO accounts_signin (id, password_fingerprint, expires_at, user_id) VALUES (1, 'secret-hash', now(), 1);
INSERT INTO accounts_refreshtoken (digest, expires_at, sign_in_id) VALUES ('secret-hash', now(), 1);
INSERT INTO accounts_attempt (what, email, at) VALUES ('log-in', 'grace@navy.example', now());
INSERT INTO django_session VALUES ('secret-hash', 'grace', now());
INSERT INTO django_admin_log (action_time, object_repr, action_flag, change_message, user_id)
VALUES (now(), 'grace@navy.example', 1, 'Hopper', 1);
SELECT setval('accounts_user_id_seq', 2);
