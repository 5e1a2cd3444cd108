INSERT INTO workflow_flow (ticket, title, title_at, owner_id, owner_email, step_id, assignee_id, assignee_email, version, ended)
VALUES (7, 'My compiler', now(), 1, 'grace@navy.example', 'open', 2, 'ada@navy.example', 2, false);
INSERT INTO workflow_move (flow_id, version, at, by_id, by_email, by_name, transition, source_id, target_id)
VALUES (7, 2, now(), 1, 'grace@navy.example', 'Grace Hopper', 'start', 'open', 'in_progress');
INSERT INTO workflow_entry (ticket, at, by_id, by_email, kind, data) VALUES
(7, now(), 1, 'grace@navy.example', 'edited', '{"title": {"from": "cobol", "to": "My compiler"},
    "description": {"from": "Hopper", "to": "", "from_length": 6}, "priority": {"from": "low", "to": "high"},
    "due_at": {"from": "", "to": "2030-01-31T22:59:59+00:00"}}'),
(7, now(), 1, 'grace@navy.example', 'attached', '{"name": "grace-hopper.txt"}'),
(7, now(), 1, 'grace@navy.example', 'assigned', '{"from": null, "to": {"id": 2, "email": "ada@navy.example", "name": "Ada Hopper"}}');
