from django.urls import include, path

from workflow.bulk import Bulk
from workflow.views import Assignee, Moves, OneFlow, Steps

urlpatterns = [
    path("", include("common.health")),
    path("api/workflow/bulk/", Bulk.as_view()),
    path("api/workflow/steps/", Steps.as_view()),
    path("api/workflow/tickets/<int:ticket>/", OneFlow.as_view()),
    path("api/workflow/tickets/<int:ticket>/transitions/", Moves.as_view()),
    path("api/workflow/tickets/<int:ticket>/assignee/", Assignee.as_view()),
]
