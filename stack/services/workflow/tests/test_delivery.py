"""What the consuming side of common/events does with an event that was delivered."""

from __future__ import annotations

import uuid
from typing import Any
from unittest import mock

from amqp.exceptions import AMQPError
from common.events import delivery, inbox, publisher, worker
from common.events.consumer import _receive
from common.events.delivery import DELAYS_S, Outcome, deliver
from django.db import OperationalError
from django.test import SimpleTestCase

EVENT = {"id": str(uuid.uuid4()), "topic": "ticket.created", "request_id": "r-1"}


def broken(code: str | None) -> OperationalError:
    error = OperationalError("no")
    error.__cause__ = type("Cause", (Exception,), {"sqlstate": code})()
    return error


class Delivery(SimpleTestCase):
    def setUp(self) -> None:
        # The database of these tests is the handler's own business.
        self.enterContext(mock.patch.object(delivery, "close_old_connections"))
        self.handle = self.enterContext(mock.patch.object(inbox, "handle"))
        self.enterContext(mock.patch.object(publisher, "connect"))
        self.enterContext(mock.patch.object(delivery, "Producer"))
        self.send = self.enterContext(mock.patch.object(publisher, "send"))

    def test_a_handler_that_fails_is_tried_again_later_and_later(self) -> None:
        self.handle.side_effect = ValueError("poison")
        for tried, delay in enumerate(DELAYS_S):
            with self.assertLogs(delivery.log, "WARNING"):
                self.assertEqual(deliver(EVENT, tried), Outcome.DONE)
            said = self.send.call_args.kwargs
            self.assertEqual((said["expiration"], said["tried"]), (delay, tried + 1))
            self.assertTrue(said["routing_key"].startswith("retry-"))

    def test_at_last_it_goes_to_the_dead_letters_and_the_log_says_which(self) -> None:
        self.handle.side_effect = ValueError("poison")
        with self.assertLogs(delivery.log, "ERROR") as logged:
            self.assertEqual(deliver(EVENT, len(DELAYS_S)), Outcome.DEAD)
        said = logged.records[0].data  # type: ignore[attr-defined]
        self.assertEqual(said, {"event": EVENT["id"], "topic": "ticket.created", "request_id": "r-1"})

    def test_it_is_given_back_when_the_retry_queue_is_not_reached(self) -> None:
        self.handle.side_effect = ValueError("poison")
        self.send.side_effect = AMQPError
        with self.assertLogs(delivery.log, "WARNING"):
            self.assertEqual(deliver(EVENT, 0), Outcome.AGAIN)

    def test_while_the_database_is_away_it_waits_and_nothing_counts(self) -> None:
        for code in (None, "08006", "53300", "57P01"):
            self.handle.side_effect = [broken(code), broken(code), None]
            with self.assertLogs(delivery.log, "WARNING"):
                self.assertEqual(deliver(EVENT, 5, sleep=lambda _: None), Outcome.DONE)
        self.send.assert_not_called()

    def test_the_broker_gets_it_back_before_it_ends_the_consumer(self) -> None:
        self.handle.side_effect = broken("57P03")
        with mock.patch.object(delivery, "HOLD_S", 0), self.assertLogs(delivery.log, "WARNING"):
            self.assertEqual(deliver(EVENT, 5), Outcome.AGAIN)

    def test_a_deadlock_counts_as_tried(self) -> None:
        self.handle.side_effect = broken("40P01")
        with self.assertLogs(delivery.log, "WARNING"):
            deliver(EVENT, 0)
        self.send.assert_called_once()

    def test_what_is_no_event_goes_to_the_dead_letters_at_once(self) -> None:
        self.handle.side_effect = TypeError
        for garbage in (None, 5, [], {}, {"id": 5}):
            with self.assertLogs(delivery.log, "ERROR"):
                self.assertEqual(deliver(garbage), Outcome.DEAD)

    def test_the_broker_is_answered_only_after_the_handler(self) -> None:
        answers: dict[Outcome, str] = {Outcome.DONE: "ack", Outcome.AGAIN: "requeue", Outcome.DEAD: "reject"}
        for outcome, answer in answers.items():
            message = mock.Mock(payload=[[EVENT], {}, {}], headers={}, delivery_info={"routing_key": "ticket.created"})
            with mock.patch.object(delivery, "deliver", return_value=outcome):
                _receive(message)
            self.assertEqual([call[0] for call in message.method_calls], [answer])
        unreadable: Any = mock.Mock(payload={}, headers={})
        with self.assertLogs("common.events.consumer", "ERROR"):
            _receive(unreadable)
        unreadable.reject.assert_called_once()


# What came back from the retry queue has the name of its own.
OWN = "workflow-events"


class WhoSaysIt(SimpleTestCase):
    """The broker lets each service use its own routing keys alone: a topic that is another one is forged."""

    def setUp(self) -> None:
        self.deliver = self.enterContext(mock.patch.object(delivery, "deliver", return_value=Outcome.DONE))

    def by_the_consumer(self, key: Any) -> bool:
        message = mock.Mock(payload=[[EVENT], {}, {}], headers={}, delivery_info={"routing_key": key})
        _receive(message)
        return [call[0] for call in message.method_calls] == ["ack"]

    def by_the_worker(self, key: Any) -> bool:
        return str(worker.handle.apply(args=[EVENT], routing_key=key).state) == "SUCCESS"

    def test_a_forged_topic_goes_to_the_dead_letters_unread(self) -> None:
        for receive in (self.by_the_consumer, self.by_the_worker):
            self.assertTrue(receive("ticket.created") and receive(OWN))
            self.deliver.reset_mock()
            for forged in ("comment.created", "ticket.deleted", "ticket-events", "", None):
                with self.subTest(forged), self.assertLogs("common.events", "ERROR") as logged:
                    self.assertFalse(receive(forged))
                self.assertIn("ticket.created", str(logged.records[0].data))  # type: ignore[attr-defined]
            self.deliver.assert_not_called()

    def test_so_does_what_is_no_event(self) -> None:
        for garbage in (None, 5, [], {}, {"topic": []}):
            with self.assertLogs("common.events", "ERROR"):
                self.assertEqual(delivery.received(garbage, {"routing_key": "ticket.created"}), Outcome.DEAD)
