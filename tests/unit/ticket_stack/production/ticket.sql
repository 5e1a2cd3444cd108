INSERT INTO tickets_ticket (id, title, description, priority, status, assignee_id, assignee_email, owner_id, owner_email,
                            owner_name, created_at, updated_at)
VALUES (7, 'My compiler', 'Hopper wrote about cobol', 'high', 'open', 2, 'ada@navy.example', 1, 'grace@navy.example',
        'Grace Hopper', now(), now()),
       (8, 'compiler', '', 'low', 'open', NULL, '', 1, 'grace@navy.example', 'Grace', now(), now());
INSERT INTO tickets_attachment (ticket_id, file, name, size, content_type, created_at)
VALUES (7, 'attachments/0a1b', 'grace-hopper.txt', 5, 'image/png', now());
INSERT INTO tickets_once (person_id, key, fingerprint, answer, at) VALUES (1, 'k', 'f', '{"title": "My compiler"}', now());
