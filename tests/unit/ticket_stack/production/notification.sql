INSERT INTO notification_notification (event_id, person_id, kind, text, ticket_id, created_at)
VALUES (gen_random_uuid(), 2, 'commented', 'Grace Hopper wrote: cobol', 7, now());
INSERT INTO notification_mail (event_id, message_id, "to", subject, body, state, tries, due_at, created_at, problem)
VALUES (gen_random_uuid(), 'm', 'grace@navy.example', 'compiler', 'secret-hash', 'waiting', 0, now(), now(), '');
INSERT INTO notification_assignment VALUES (7, 2, 2, 'ada@navy.example');
