INSERT INTO messaging_comment (ticket_id, author_id, author_email, author_name, body, attachments, created_at)
VALUES (7, 2, 'ada@navy.example', 'Ada Hopper', 'cobol, says Grace Hopper',
        '[{"id": 1, "name": "grace-hopper.txt", "size": 5, "image": false}]', now());
