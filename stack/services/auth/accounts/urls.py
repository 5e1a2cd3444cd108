from django.urls import path

from accounts.views import Keys, Login, Me, Register

urlpatterns = [
    path("register/", Register.as_view()),
    path("login/", Login.as_view()),
    path("me/", Me.as_view()),
    path("keys/", Keys.as_view()),
]
