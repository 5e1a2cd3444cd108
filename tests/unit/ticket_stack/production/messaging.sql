INSERT INTO messaging_comment (ticket_id, author_id, author_email, body, created_at)
VALUES (7, 2, 'ada@navy.example', 'cobol, says Grace Hopper', now());
