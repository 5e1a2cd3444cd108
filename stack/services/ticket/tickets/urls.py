from django.urls import include, path

from tickets.export import Export
from tickets.may_upload import MayUpload
from tickets.views import Attachments, OneAttachment, OneTicket, Tickets

urlpatterns = [
    path("", include("common.health")),
    path("uploads/<int:pk>/", MayUpload.as_view()),
    path("api/tickets/", Tickets.as_view()),
    path("api/tickets/export/", Export.as_view()),
    path("api/tickets/<int:pk>/", OneTicket.as_view()),
    path("api/tickets/<int:pk>/attachments/", Attachments.as_view()),
    path("api/tickets/<int:pk>/attachments/<int:attachment>/", OneAttachment.as_view()),
]
