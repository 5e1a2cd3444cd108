from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "common.events"
    label = "events"
