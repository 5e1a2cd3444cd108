INSERT INTO events_outbox (event_id, topic, event) VALUES (gen_random_uuid(), 't', '{"actor": {"email": "grace@navy.example"}}');
INSERT INTO events_account VALUES (1, 'grace@navy.example', true, true, now()), (2, 'ada@navy.example', false, true, now());
